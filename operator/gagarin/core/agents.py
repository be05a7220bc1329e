"""What an Agent comes to: its prompt, the model it asks, and whether everything it may use is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gagarin.api.agent import PROMPT_BYTES, AgentSpec, RagSource, ToolUse
from gagarin.api.instance import InstanceSpec, Overrides
from gagarin.api.references import ConfigMapKeyRef, SecretKeyRef
from gagarin.api.tool import ToolSpec
from gagarin.core import config, targets
from gagarin.core.objects import Key
from gagarin.core.vendors import VENDORS
from gagarin.core.walk import Place, Walk


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an Agent says, with an Instance's overrides where there are any. None: it could not be had."""

    prompt: str | None
    target: config.ModelTarget | None
    fallbacks: tuple[config.ModelTarget, ...] = ()


def follow_agent(
    walk: Walk, key: Key, spec: AgentSpec, owner: Key, overrides: Overrides | None = None
) -> Meaning:
    """Follow everything an Agent refers to. What `overrides` (of the Instance `owner`) replaces is not
    looked at in the Agent."""
    for index, use in enumerate(spec.tools):
        _follow_use(walk, Place(key, f"spec.tools[{index}].toolRef"), use)
    for source in spec.rag:
        _follow_source(walk, key, source)
    if spec.retrieval is not None and spec.retrieval.embedding_model_ref is not None:
        place = Place(key, "spec.retrieval.embeddingModelRef")
        targets.embedding(walk, place, spec.retrieval.embedding_model_ref)
    prompt = (overrides and overrides.prompt) or _prompt(walk, key, spec)
    chosen = _chosen(walk, key, spec, owner, overrides)
    if chosen is None:
        return Meaning(prompt, None)
    first, others = chosen
    if spec.response_schema is not None:
        _check_schema_support(walk, Place(key, "spec.responseSchema"), (first, *others))
    return Meaning(prompt, first, others)


def follow_tool(walk: Walk, key: Key, spec: ToolSpec) -> None:
    """Follow everything a Tool refers to. Its Instance need only exist: RBAC decides who may chat with it."""
    if spec.agent is not None:
        walk.spec(Place(key, "spec.agent.instanceRef"), spec.agent.instance_ref, "Instance", InstanceSpec)
    if spec.open_api is not None and spec.open_api.config_map_key_ref is not None:
        walk.config_map(Place(key, "spec.openAPI.configMapKeyRef"), spec.open_api.config_map_key_ref)
    for field, ref in _tool_secrets(spec):
        walk.secret(Place(key, field), ref)


def _follow_use(walk: Walk, place: Place, use: ToolUse) -> None:
    found = walk.spec(place, use.tool_ref, "Tool", ToolSpec)
    if found is None:
        return
    key, spec = found
    if key.namespace != walk.namespace and any(_tool_secrets(spec)):
        walk.report_foreign_secrets(place, key, spec.allowed_namespaces)
        return
    follow_tool(walk, key, spec)


def _tool_secrets(spec: ToolSpec) -> Iterator[tuple[str, SecretKeyRef]]:
    for header in spec.http.headers if spec.http else ():
        if header.value_from is not None:
            yield f"spec.http.headers[{header.name}]", header.value_from.secret_key_ref
    if spec.auth is None:
        return
    if spec.auth.bearer is not None:
        yield "spec.auth.bearer", spec.auth.bearer.secret_key_ref
    if spec.auth.basic is not None:
        yield "spec.auth.basic.username", spec.auth.basic.username.secret_key_ref
        yield "spec.auth.basic.password", spec.auth.basic.password.secret_key_ref
    if spec.auth.header is not None:
        yield "spec.auth.header", spec.auth.header.secret_key_ref


def _follow_source(walk: Walk, key: Key, source: RagSource) -> None:
    if source.config_map is None:
        return
    place = Place(key, f"spec.rag[{source.name}].configMap")
    if not source.config_map.keys:
        walk.existing(place, Key("ConfigMap", key.namespace, source.config_map.name))
    for name in source.config_map.keys:
        walk.config_map(place, ConfigMapKeyRef(name=source.config_map.name, key=name))


def _prompt(walk: Walk, key: Key, spec: AgentSpec) -> str | None:
    if spec.prompt_from is None:
        return spec.prompt
    place = Place(key, "spec.promptFrom")
    text = walk.config_map(place, spec.prompt_from.config_map_key_ref)
    if text is not None and len(text.encode()) > PROMPT_BYTES:
        walk.report(place, "InvalidSpec", f"a prompt has at most {PROMPT_BYTES} bytes, this one has more")
    return text


def _chosen(
    walk: Walk, key: Key, spec: AgentSpec, owner: Key, overrides: Overrides | None
) -> tuple[config.ModelTarget, tuple[config.ModelTarget, ...]] | None:
    patch = overrides.params if overrides else None
    if overrides is not None and (overrides.model or overrides.model_ref):
        place = Place(owner, "spec.overrides")
        return targets.chosen(walk, place, ref=overrides.model_ref, choice=overrides.model, patch=patch)
    return targets.chosen(walk, Place(key, "spec"), ref=spec.model_ref, choice=spec.model, patch=patch)


def _check_schema_support(walk: Walk, place: Place, asked: tuple[config.ModelTarget, ...]) -> None:
    for target in asked:
        provider = target.provider
        if not VENDORS[provider.type].response_format:
            message = f"Provider {provider.namespace}/{provider.name} of type {provider.type} ignores it"
            walk.report(place, "InvalidSpec", message)
