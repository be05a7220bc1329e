"""From a Provider and a Model to what the chat server asks: an address, a key's file, a request's fields."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gagarin.api.fields import seconds
from gagarin.api.model import Cost, ModelSpec
from gagarin.api.params import ModelChoice, Params, ParamsPatch
from gagarin.api.provider import Header, ProviderSpec, Timeouts
from gagarin.api.references import Ref
from gagarin.core import config
from gagarin.core.objects import Key
from gagarin.core.params import reserved_in, wire
from gagarin.core.vendors import VENDORS
from gagarin.core.walk import Place, Walk

Mode = Literal["Chat", "Embedding"]


class Choice(NamedTuple):
    """A model that somebody chose: where that stands, and what it says."""

    place: Place
    provider_ref: Ref
    model: str
    params: Params | None
    context_window: int | None = None
    cost: Cost | None = None


def provider(walk: Walk, key: Key, spec: ProviderSpec) -> config.Provider:
    """A Provider as the chat server wants it. What it lacks is reported to the walk."""
    ca_place = Place(key, "spec.tls.caBundle")
    ca_bundle, ca_bundle_file = walk.ca_bundle(ca_place, spec.tls.ca_bundle) if spec.tls else (None, None)
    api_key_place = Place(key, "spec.apiKey")
    return config.Provider(
        name=key.name,
        namespace=key.namespace,
        type=spec.type,
        url=(spec.url or VENDORS[spec.type].url or "").rstrip("/"),
        api_key_file=walk.secret(api_key_place, spec.api_key.secret_key_ref) if spec.api_key else None,
        headers=tuple(header(walk, Place(key, "spec.headers"), one) for one in spec.headers),
        ca_bundle=ca_bundle,
        ca_bundle_file=ca_bundle_file,
        timeouts=_timeouts(spec.timeouts),
        retries=spec.retries,
    )


def chosen(
    walk: Walk, place: Place, *, ref: Ref | None, choice: ModelChoice | None, patch: ParamsPatch | None = None
) -> tuple[config.ModelTarget, tuple[config.ModelTarget, ...]] | None:
    """The target that a `modelRef` or a `model` names, and those to fall back on.

    `place` owns the two fields; its own field is what they stand in, such as `spec` or `spec.overrides`.
    """
    if choice is not None:
        inner = Place(place.owner, f"{place.field}.model")
        found = target(walk, Choice(inner, choice.provider_ref, choice.name, choice.params), "Chat", patch)
        return (found, ()) if found else None
    assert ref is not None, "the schema demands exactly one of the two"
    return _named(walk, Place(place.owner, f"{place.field}.modelRef"), ref, patch)


def target(
    walk: Walk, choice: Choice, mode: Mode, patch: ParamsPatch | None = None
) -> config.ModelTarget | None:
    """One model to ask. None, and reported, when its Provider is missing or does not serve it."""
    owner, path = choice.place
    for name in reserved_in(choice.params) + reserved_in(patch):
        walk.report(choice.place, "InvalidSpec", f"extraParams must not set {name}: the chat server sets it")
    place = Place(owner, f"{path}.providerRef")
    found = walk.spec(place, choice.provider_ref, "Provider", ProviderSpec)
    if found is None:
        return None
    key, spec = found
    if spec.models and choice.model not in spec.models:
        walk.report(place, "RefNotPermitted", f"{key} does not allow {choice.model}: see its spec.models")
    if mode == "Embedding" and not VENDORS[spec.type].embeddings:
        walk.report(place, "InvalidSpec", f"{key} of type {spec.type} has no embeddings")
    if _has_secrets(spec) and not walk.may_take_secrets(place, key, spec.allowed_namespaces):
        return None
    return config.ModelTarget(
        provider=provider(walk, key, spec),
        model=choice.model,
        params=wire(VENDORS[spec.type], choice.params, patch),
        context_window=choice.context_window,
        cost=_cost(choice.cost) if choice.cost else None,
    )


def model_target(
    walk: Walk, key: Key, spec: ModelSpec, patch: ParamsPatch | None = None
) -> config.ModelTarget | None:
    """The model that a Model resource names."""
    place = Place(key, "spec")
    choice = Choice(place, spec.provider_ref, spec.model, spec.params, spec.context_window, spec.cost)
    return target(walk, choice, spec.mode, patch)


def fallbacks(walk: Walk, key: Key, spec: ModelSpec) -> tuple[config.ModelTarget, ...]:
    """The targets to fall back on, each Model once: its fallbacks in order, each followed by its own."""
    targets: list[config.ModelTarget] = []
    seen = {key}
    waiting = _fallback_places(key, spec)
    while waiting:
        place, ref = waiting.pop(0)
        found = walk.spec(place, ref, "Model", ModelSpec)
        if found is None or found[0] in seen:
            continue
        seen.add(found[0])
        _expect_mode(walk, place, *found, mode=spec.mode)
        fallback = model_target(walk, *found)
        targets += [fallback] if fallback else []
        waiting = _fallback_places(*found) + waiting
    return tuple(targets)


def embedding(walk: Walk, place: Place, ref: Ref) -> config.ModelTarget | None:
    """The Model of mode Embedding that a reference names."""
    found = walk.spec(place, ref, "Model", ModelSpec)
    if found is None:
        return None
    _expect_mode(walk, place, *found, mode="Embedding")
    return model_target(walk, *found)


def _named(
    walk: Walk, place: Place, ref: Ref, patch: ParamsPatch | None
) -> tuple[config.ModelTarget, tuple[config.ModelTarget, ...]] | None:
    found = walk.spec(place, ref, "Model", ModelSpec)
    if found is None:
        return None
    _expect_mode(walk, place, *found, mode="Chat")
    first = model_target(walk, *found, patch)
    others = fallbacks(walk, *found)
    return (first, others) if first else None


def _fallback_places(key: Key, spec: ModelSpec) -> list[tuple[Place, Ref]]:
    return [(Place(key, f"spec.fallbackRefs[{i}]"), ref) for i, ref in enumerate(spec.fallback_refs)]


def _expect_mode(walk: Walk, place: Place, key: Key, spec: ModelSpec, mode: Mode) -> None:
    if spec.mode != mode:
        walk.report(place, "InvalidSpec", f"{key} has mode {spec.mode}, and {mode} is needed here")


def _has_secrets(spec: ProviderSpec) -> bool:
    from_secrets = any(header.value_from for header in spec.headers)
    own_ca = spec.tls is not None and spec.tls.ca_bundle.secret_key_ref is not None
    return spec.api_key is not None or from_secrets or own_ca


def _timeouts(timeouts: Timeouts) -> config.Timeouts:
    return config.Timeouts(
        connect=seconds(timeouts.connect),
        first_token=seconds(timeouts.first_token),
        between_tokens=seconds(timeouts.between_tokens),
        total=seconds(timeouts.total),
    )


def header(walk: Walk, place: Place, header: Header) -> config.Header:
    """An extra header of every request, out of the list at `place`."""
    if header.value_from is None:
        return config.Header(name=header.name, value=header.value)
    own_place = Place(place.owner, f"{place.field}[{header.name}]")
    file = walk.secret(own_place, header.value_from.secret_key_ref)
    return config.Header(name=header.name, value_file=file)


def _cost(cost: Cost) -> config.Cost:
    return config.Cost(
        input_per_token=cost.input_per_token or "0", output_per_token=cost.output_per_token or "0"
    )
