"""From the typed parameters of a Model to the fields of an OpenAI request, named as the vendor wants them."""

from __future__ import annotations

from typing import Any

from gagarin.api.params import Params, ParamsPatch
from gagarin.core.vendors import Vendor

# The chat server sets these itself.
RESERVED = frozenset({"model", "messages", "stream", "tools"})


def reserved_in(params: Params | None) -> list[str]:
    """The fields in `extraParams` that are not the user's to set, in order."""
    return sorted(RESERVED & (params.extra_params or {}).keys()) if params else []


def wire(vendor: Vendor, params: Params | None, patch: ParamsPatch | None = None) -> dict[str, Any]:
    """The fields of a request body by their wire names.

    `patch` replaces one by one, also inside `extraParams`; None takes away. What is in `extraParams` is sent
    as it is and wins over a typed field of the same name; reserved fields are left out.
    """
    typed, changes = _set_fields(params), _set_fields(patch)
    extra = typed.pop("extra_params", None) or {}
    if "extra_params" in changes:
        new = changes.pop("extra_params")
        extra = {} if new is None else extra | new
    fields = {_name(vendor, key): _value(key, value) for key, value in (typed | changes).items()}
    merged = fields | extra
    return {key: value for key, value in merged.items() if value is not None and key not in RESERVED}


def _set_fields(params: Params | None) -> dict[str, Any]:
    return {name: getattr(params, name) for name in params.model_fields_set} if params else {}


def _name(vendor: Vendor, field: str) -> str:
    return {"max_tokens": vendor.max_tokens, "seed": vendor.seed}.get(field, field)


def _value(field: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value.lower() if field == "reasoning_effort" and value is not None else value
