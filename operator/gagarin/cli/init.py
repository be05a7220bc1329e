"""`gagarin init`: the first manifests, to run with `gagarin dev` and to apply to a cluster.

They are few, commented, and whole: a Provider, an Agent, an Instance, and somebody who may chat with it. The
key itself is in none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Template

from gagarin.cli.errors import CommandError

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")

FILES = {
    "provider.yaml": """\
# Where models are served, and which key to use. The key itself is in a Secret:
#   kubectl create secret generic openai --from-literal=api-key=...
# Any server that speaks OpenAI's protocol: `type: OpenAICompatible`, and `url: http://HOST:PORT/v1`.
apiVersion: gagarin.fyodorov.ai/v1alpha1
kind: Provider
metadata:
  name: openai
spec:
  type: OpenAI
  apiKey:
    secretKeyRef:
      name: openai
      key: api-key
""",
    "agent.yaml": """\
# What to be: a prompt, and the model that answers. It runs nothing yet.
apiVersion: gagarin.fyodorov.ai/v1alpha1
kind: Agent
metadata:
  name: $name
spec:
  prompt: You are a helpful assistant. Answer in a few short sentences.
  model:
    providerRef:
      name: openai
    name: gpt-4o-mini
""",
    "instance.yaml": """\
# A chat server that runs the Agent, behind a Service of the same name.
apiVersion: gagarin.fyodorov.ai/v1alpha1
kind: Instance
metadata:
  name: $name
spec:
  agentRef:
    name: $name
""",
    "access.yaml": """\
# Who may chat with it: ordinary RBAC, for this ServiceAccount and this one Instance.
#   gagarin chat $name --as $name-caller
apiVersion: v1
kind: ServiceAccount
metadata:
  name: $name-caller
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: chat-with-$name
rules:
  - apiGroups: [gagarin.fyodorov.ai]
    resources: [instances/chat]
    resourceNames: [$name]
    verbs: [create, get, delete] # ask; read and delete one's own conversations
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: chat-with-$name
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: chat-with-$name
subjects:
  - kind: ServiceAccount
    name: $name-caller
""",
}


def write(folder: Path, name: str) -> Iterator[Path]:
    """Writes the files, and nothing when one of them is there already. Raises `CommandError`."""
    if not _NAME.fullmatch(name):
        raise CommandError(f"--name: {name!r} is no name: lower-case letters, digits and -, at most 40")
    if there := [file for file in FILES if (folder / file).exists()]:
        raise CommandError(f"{folder / there[0]} is there already; nothing was written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in FILES.items():
            (folder / file).write_text(Template(text).substitute(name=name), encoding="utf-8")
            yield folder / file
    except OSError as error:
        raise CommandError(f"{folder}: {error.strerror}") from error
