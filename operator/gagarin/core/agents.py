"""What an Agent comes to: its prompt, the model it asks, its tools and its knowledge.

Whatever it may use has to be there: what is missing is reported to the walk, and no half of an agent runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gagarin.api.agent import PROMPT_BYTES, AgentSpec, RagSource, ToolUse
from gagarin.api.fields import seconds
from gagarin.api.instance import Overrides
from gagarin.api.tool import ToolSpec
from gagarin.core import config, targets
from gagarin.core.objects import Key
from gagarin.core.tools import Offer, has_secrets, offer
from gagarin.core.walk import Place, Walk


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an Agent says, with an Instance's overrides where there are any. None: it could not be had."""

    prompt: str | None
    target: config.ModelTarget | None
    fallbacks: tuple[config.ModelTarget, ...] = ()
    offers: tuple[Offer, ...] = ()
    knowledge: config.Knowledge | None = None


def follow_agent(
    walk: Walk, key: Key, spec: AgentSpec, owner: Key, overrides: Overrides | None = None
) -> Meaning:
    """Follow everything an Agent refers to. What `overrides` (of the Instance `owner`) replaces is not
    looked at in the Agent."""
    _check_time_zone(walk, key, spec.time_zone)
    offers = _offers(walk, key, spec)
    knowledge = _knowledge(walk, key, spec)
    prompt = (overrides and overrides.prompt) or _prompt(walk, key, spec)
    chosen = _chosen(walk, key, spec, owner, overrides)
    first, others = chosen or (None, ())
    return Meaning(prompt, first, others, offers, knowledge)


def _offers(walk: Walk, key: Key, spec: AgentSpec) -> tuple[Offer, ...]:
    seen: set[Key] = set()
    offers = []
    for index, use in enumerate(spec.tools):
        place = Place(key, f"spec.tools[{index}].toolRef")
        tool = Key("Tool", use.tool_ref.namespace or key.namespace, use.tool_ref.name)
        if tool in seen:
            walk.report(place, "InvalidSpec", f"{tool} is in the list already")
            continue
        seen.add(tool)
        found = _used(walk, place, use)
        offers += [found] if found else []
    return tuple(offers)


def _used(walk: Walk, place: Place, use: ToolUse) -> Offer | None:
    found = walk.spec(place, use.tool_ref, "Tool", ToolSpec)
    if found is None:
        return None
    key, spec = found
    if has_secrets(spec) and not walk.may_take_secrets(place, key, spec.allowed_namespaces):
        return None
    return offer(walk, key, spec, use.allowed_functions)


def _knowledge(walk: Walk, key: Key, spec: AgentSpec) -> config.Knowledge | None:
    sources = tuple(_source(walk, key, source) for source in spec.rag)
    retrieval, embedding = spec.retrieval, None
    if retrieval is not None and retrieval.embedding_model_ref is not None:
        place = Place(key, "spec.retrieval.embeddingModelRef")
        embedding = targets.embedding(walk, place, retrieval.embedding_model_ref)
    if not sources:
        return None
    if retrieval is None:
        return config.Knowledge(sources=sources)
    return config.Knowledge(sources=sources, top_k=retrieval.top_k, embedding=embedding)


def _source(walk: Walk, key: Key, source: RagSource) -> config.Source:
    if source.config_map is not None:
        place = Place(key, f"spec.rag[{source.name}].configMap")
        walk.folder(place, source.name, source.config_map.name, source.config_map.keys)
        return config.Source(name=source.name, folder=source.name)
    if source.refresh_interval is None:
        return config.Source(name=source.name, url=source.url)
    return config.Source(name=source.name, url=source.url, refresh=seconds(source.refresh_interval))


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


def _check_time_zone(walk: Walk, key: Key, name: str) -> None:
    """Against the time zone database of this machine, which is also that of the chat server's image."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # no such zone, a folder of the database, a bad name
        walk.report(Place(key, "spec.timeZone"), "InvalidSpec", f"there is no time zone {name}")
