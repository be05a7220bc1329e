"""From resources to what they mean: follow every reference, judge every permission, name all that is missing.

`resolve` is pure: the objects come in as an `Objects`, and what the user got wrong goes out as `Problem`s
with documented reasons. It never raises for a user's mistake and never fetches anything, so the operator,
`gagarin render` and `gagarin dev` come to the same result.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass

import msgspec

from gagarin.api.agent import AgentSpec
from gagarin.api.instance import InstanceSpec
from gagarin.api.kinds import SpecError, parse
from gagarin.api.model import ModelSpec
from gagarin.api.provider import ProviderSpec
from gagarin.api.schema import Schema
from gagarin.api.tool import ToolSpec
from gagarin.core import config, targets
from gagarin.core.agents import Meaning, follow_agent
from gagarin.core.instances import auth_of, check_instance, history_of, limits_of, tls_of
from gagarin.core.objects import Key, Object, Objects, key_of
from gagarin.core.policy import Policy
from gagarin.core.problems import Problem
from gagarin.core.resolved import Resolved, SecretFile
from gagarin.core.tools import offer
from gagarin.core.walk import Place, Walk

__all__ = ["CONFIG_BYTES", "Policy", "Problem", "Resolution", "Resolved", "SecretFile", "resolve"]

# A ConfigMap holds 1 MiB; the rest is room for its metadata.
CONFIG_BYTES = 900 * 1024
DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Resolution:
    """What resolving one object came to.

    `resolved` is set for an Instance without problems. `mounted` are the Secrets and ConfigMaps that pods
    read as files, where there is a copy that and the original: when one changes, the pods are nudged. `model`
    is what an Agent or an Instance asks, as PROVIDER/ID. `followed` is False when the spec was not
    understood, so that nothing is known of what it refers to.
    """

    problems: tuple[Problem, ...] = ()
    resolved: Resolved | None = None
    mounted: frozenset[Key] = frozenset()
    model: str | None = None
    followed: bool = True

    @property
    def withdrawn(self) -> bool:
        """A reference is not permitted (any more): an Instance must stop serving, so scale it to 0."""
        return any(problem.reason == "RefNotPermitted" for problem in self.problems)


def resolve(item: Object, objects: Objects, policy: Policy = DEFAULT_POLICY) -> Resolution:
    """Resolve an object of any of the five kinds, under the policy of the installation."""
    key = key_of(item)
    walk = Walk(key, objects, key.namespace, policy)
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
        offer(walk, key, spec)
    elif isinstance(spec, ModelSpec):
        targets.model_target(walk, key, spec)
        targets.fallbacks(walk, key, spec)
    else:
        assert isinstance(spec, AgentSpec), "there are five kinds"
        return follow_agent(walk, key, spec, key).target
    return None


def _resolve_instance(walk: Walk, item: Object, spec: InstanceSpec) -> Resolution:
    check_instance(walk, spec)
    history, tls = history_of(walk, spec), tls_of(walk, spec)
    found = walk.spec(Place(walk.root, "spec.agentRef"), spec.agent_ref, "Agent", AgentSpec)
    if found is None:
        return Resolution(tuple(walk.problems))
    key, agent = found
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
        auth=auth_of(walk.root, spec),
        agent=key.name,
        display_name=agent.display_name,
        description=agent.description,
        title=spec.title,
        response_schema=agent.response_schema,
        tools=tuple(each.tool for each in meaning.offers),
        knowledge=meaning.knowledge,
        limits=limits_of(agent, spec),
        history=history,
        tls=tls,
        time_zone=sys.intern(agent.time_zone),  # msgspec leaves out a default that is the very same object
    )
    return _finished(walk, item, spec, configuration, meaning)


def _finished(
    walk: Walk, item: Object, spec: InstanceSpec, configuration: config.Config, meaning: Meaning
) -> Resolution:
    model = _label(meaning.target)
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
        copies=walk.copies(),
        folders=tuple(sorted(walk.folders)),
        sidecars=tuple(each.sidecar for each in meaning.offers if each.sidecar),
    )
    return Resolution(resolved=resolved, mounted=_mounted(resolved), model=model)


def _mounted(resolved: Resolved) -> frozenset[Key]:
    """What the pods read as files: originals, and copies beside the pods."""
    originals = {file.source for file in resolved.secret_files} | {each.source for each in resolved.folders}
    namespace = resolved.config.namespace
    local = {Key(each.kind, namespace, resolved.local_name(each)) for each in originals}
    return frozenset(originals | local)


def _label(target: config.ModelTarget | None) -> str | None:
    return f"{target.provider.name}/{target.model}" if target else None
