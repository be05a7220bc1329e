"""What each type of Provider does, from the table that the operator and the chat server go by."""

from __future__ import annotations

from gagarin.core.vendors import VENDORS, Vendor
from scripts.reference.markdown import table

INTRODUCTION = """\
# Types of Providers

Every vendor here is spoken to in OpenAI's protocol, and none speaks all of it. `type` of a Provider says
which differences are made up for.

"""
NOTES = """\

- **no answers by schema**: a `responseSchema` is asked for by a function that the model has to call instead.
- **no embeddings**: such a Provider cannot serve a Model of mode `Embedding`.
- A **base address** can be replaced by `url`; where there is none, `url` is required. The one of Ollama is a
  Service in the pods' own namespace.
- **Usage** that is asked for (`stream_options.include_usage`) or comes unasked is counted alike.
- `OpenAICompatible` is for every other server of that protocol, in the cluster or outside.
"""


def page() -> str:
    """The whole page."""
    head = ("type", "base address", "key in", "most tokens", "seed", "usage of a stream", "not offered")
    rows = (_row(name, vendor) for name, vendor in VENDORS.items())
    return INTRODUCTION + "\n".join(table(head, rows)) + "\n" + NOTES


def _row(name: str, vendor: Vendor) -> tuple[str, ...]:
    offered = {
        "answers by schema": vendor.response_format,
        "embeddings": vendor.embeddings,
        "tools": vendor.tools,
    }
    return (
        f"`{name}`",
        f"`{vendor.url}`" if vendor.url else "*required*",
        f"`{vendor.key_header}`",
        f"`{vendor.max_tokens}`",
        f"`{vendor.seed}`",
        "asked for" if vendor.usage_on_request else "unasked",
        ", ".join(what for what, there in offered.items() if not there),
    )
