"""Whether a text is an OpenAPI document, as far as that shows without reading all of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import yaml

# The parser written in C, where libyaml is there: a document may have a megabyte.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@lru_cache(maxsize=32)  # every Instance that uses a Tool asks about the same text
def document_fault(text: str) -> str | None:
    """Why a text is not an OpenAPI 3 document in JSON or YAML, as a sentence; None when it is."""
    try:
        document = _parsed(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return "this is neither JSON nor YAML"
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        return "this is not an OpenAPI 3 document: the field openapi must begin with 3."
    return None if isinstance(document.get("paths"), dict) else "this OpenAPI document has no paths"


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 -- a safe loader either way
