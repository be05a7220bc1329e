"""The resources of the scale benchmark: one provider, one agent, and as many Instances of it as wanted.

All of them share the key, the model and the prompt: the worst case for a change of any of these.
"""

from __future__ import annotations

from collections.abc import Iterator

from gagarin.core.objects import Object, ObjectMap
from gagarin.core.render import RenderSettings, render
from gagarin.core.resolve import resolve

NAMESPACE = "scale"
IMAGE = "gagarin.local/gagarin:bench"
API = "gagarin.fyodorov.ai/v1alpha1"
PROMPT = "You answer the questions of our customers about their orders. " * 20


def namespace() -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def shared(key: str = "first", prompt: str = PROMPT) -> list[Object]:
    """What all Instances use."""
    reference = {"secretKeyRef": {"name": "model-key", "key": "token"}}
    provider = {"type": "OpenAICompatible", "url": "http://models.example/v1", "apiKey": reference}
    agent = {"prompt": prompt, "model": {"providerRef": {"name": "models"}, "name": "large"}}
    return [secret(key), _ours("Provider", "models", provider), _ours("Agent", "support", agent)]


def secret(key: str) -> Object:
    metadata = {"namespace": NAMESPACE, "name": "model-key"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": key}}


def instances(count: int, prefix: str = "shop", *, suspend: bool = False) -> Iterator[Object]:
    """Instances that run one pod, or none for now."""
    for number in range(count):
        spec = {"agentRef": {"name": "support"}, "suspend": suspend}
        yield _ours("Instance", f"{prefix}-{number:05}", spec)


def children(count: int) -> list[Object]:
    """What the operator makes of so many Instances, as `gagarin render` would print it."""
    objects = ObjectMap([*shared(), *instances(count), namespace()])
    settings = RenderSettings(image=IMAGE)
    found = (resolve(item, objects).resolved for item in instances(count))
    return [child for resolved in found if resolved is not None for child in render(resolved, settings)]


def _ours(kind: str, name: str, spec: Object) -> Object:
    metadata = {"namespace": NAMESPACE, "name": name}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}
