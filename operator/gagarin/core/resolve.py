"""From resources to what they mean: follow every reference, judge every permission, name all that is missing.

`resolve` is pure: the objects come in as an `Objects`, and what the user got wrong goes out as `Problem`s
with documented reasons. It never raises for a user's mistake and never fetches anything, so the operator,
`gagarin render` and `gagarin dev` come to the same result.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from gagarin.api.agent import AgentSpec
from gagarin.api.fields import seconds
from gagarin.api.instance import InstanceSpec
from gagarin.api.kinds import SpecError, parse
from gagarin.api.model import ModelSpec
from gagarin.api.provider import ProviderSpec
from gagarin.api.schema import Schema
from gagarin.api.tool import ToolSpec
from gagarin.core import config, targets
from gagarin.core.agents import follow_agent, follow_tool
from gagarin.core.availability import unavailable
from gagarin.core.objects import Key, Object, Objects, key_of
from gagarin.core.problems import Problem
from gagarin.core.walk import Place, SecretFile, Walk

__all__ = ["CONFIG_BYTES", "Problem", "Resolution", "Resolved", "SecretFile", "resolve"]

# A ConfigMap holds 1 MiB; the rest is room for its metadata.
CONFIG_BYTES = 900 * 1024


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything `render` needs of one Instance. `config.revision` is a digest of the configuration."""

    instance: Object
    spec: InstanceSpec
    config: config.Config
    secret_files: tuple[SecretFile, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What resolving one object came to.

    `resolved` is set for an Instance without problems. `secrets` are the Secrets whose values the pods read
    as files: when one changes, the pods are nudged. `model` is what an Agent or an Instance asks, as
    PROVIDER/ID. `followed` is False when the spec was not understood, so that nothing is known of what it
    refers to.
    """

    problems: tuple[Problem, ...] = ()
    resolved: Resolved | None = None
    secrets: frozenset[Key] = frozenset()
    model: str | None = None
    followed: bool = True

    @property
    def withdrawn(self) -> bool:
        """A reference is not permitted (any more): an Instance must stop serving, so scale it to 0."""
        return any(problem.reason == "RefNotPermitted" for problem in self.problems)


def resolve(item: Object, objects: Objects) -> Resolution:
    """Resolve an object of any of the five kinds."""
    key = key_of(item)
    walk = Walk(key, objects, namespace=key.namespace)
    try:
        spec = parse(item)
    except SpecError as error:
        faults = tuple(Problem("Accepted", "InvalidSpec", fault) for fault in error.faults)
        return Resolution(faults, followed=False)
    walk.find_cycle()
    if isinstance(spec, InstanceSpec):
        return _resolve_instance(walk, item, spec)
    target = _follow(walk, key, spec)
    return Resolution(tuple(walk.problems), model=_label(target))


def _follow(walk: Walk, key: Key, spec: Schema) -> config.ModelTarget | None:
    if isinstance(spec, ProviderSpec):
        targets.provider(walk, key, spec)
    elif isinstance(spec, ToolSpec):
        follow_tool(walk, key, spec)
    elif isinstance(spec, ModelSpec):
        targets.model_target(walk, key, spec)
        targets.fallbacks(walk, key, spec)
    elif isinstance(spec, AgentSpec):
        return follow_agent(walk, key, spec, key).target
    return None


def _resolve_instance(walk: Walk, item: Object, spec: InstanceSpec) -> Resolution:
    _report_unavailable(walk, walk.root, spec)
    found = walk.spec(Place(walk.root, "spec.agentRef"), spec.agent_ref, "Agent", AgentSpec)
    if found is None:
        return Resolution(tuple(walk.problems))
    key, agent = found
    _report_unavailable(walk, key, agent)
    meaning = follow_agent(walk, key, agent, walk.root, spec.overrides)
    model = _label(meaning.target)
    if walk.problems or meaning.target is None or meaning.prompt is None:
        return Resolution(tuple(walk.problems), model=model)
    configuration = config.Config(
        schema_version=config.SCHEMA_VERSION,
        name=walk.root.name,
        namespace=walk.root.namespace,
        revision="",
        prompt=meaning.prompt,
        model=meaning.target,
        fallbacks=meaning.fallbacks,
        auth=_auth(walk.root, spec),
        agent=key.name,
        display_name=agent.display_name,
        description=agent.description,
        title=spec.title,
        response_schema=agent.response_schema,
        limits=_limits(agent, spec),
        history=config.History(type=spec.history.type),
    )
    return _finished(walk, item, spec, configuration, model)


def _finished(
    walk: Walk, item: Object, spec: InstanceSpec, configuration: config.Config, model: str | None
) -> Resolution:
    text = config.encode(configuration).encode()
    if len(text) > CONFIG_BYTES:
        message = f"the resolved configuration has {len(text)} bytes, and {CONFIG_BYTES} is the most"
        return Resolution((Problem("Accepted", "TooLarge", message),), model=model)
    revision = hashlib.sha256(text).hexdigest()[:10]
    resolved = Resolved(
        instance=item,
        spec=spec,
        config=msgspec.structs.replace(configuration, revision=revision),
        secret_files=tuple(sorted(walk.secret_files)),
    )
    secrets = frozenset(Key("Secret", file.namespace, file.secret) for file in walk.secret_files)
    return Resolution(resolved=resolved, secrets=secrets, model=model)


def _report_unavailable(walk: Walk, key: Key, spec: InstanceSpec | AgentSpec) -> None:
    for asked in unavailable(spec):
        walk.report(Place(key, asked), "NotAvailable", "this version of Gagarin cannot do it yet")


def _auth(instance: Key, spec: InstanceSpec) -> config.Auth:
    audiences = [f"{instance.name}.{instance.namespace}.svc"]
    if spec.auth.audience_scope == "Namespace":
        audiences.append(f"gagarin.{instance.namespace}.svc")
    return config.Auth(
        audiences=tuple(audiences),
        verification=spec.auth.verification,
        stale_allow=seconds(spec.auth.stale_allow),
    )


def _limits(agent: AgentSpec, spec: InstanceSpec) -> config.Limits:
    return config.Limits(
        max_tool_rounds=agent.limits.max_tool_rounds,
        max_history_messages=agent.limits.max_history_messages,
        max_input_chars=agent.limits.max_input_chars,
        request_timeout=seconds(agent.limits.request_timeout),
        max_concurrent_chats=spec.limits.max_concurrent_chats,
    )


def _label(target: config.ModelTarget | None) -> str | None:
    return f"{target.provider.name}/{target.model}" if target else None
