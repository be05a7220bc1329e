"""What a call gave, as a model reads it: text as it is, everything else described in a line.

A server may say a thing twice, as text and as structured content; the model reads it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from gagarin.server.tools.mcp.faults import McpFault, Nonsense
from gagarin.server.tools.tool import ToolResult

INPUT_REQUIRED = "input_required"


class _Resource(msgspec.Struct):
    uri: str = ""
    mimeType: str | None = None  # noqa: N815  # as on the wire
    text: str | None = None
    blob: str | None = None


class _Content(msgspec.Struct):
    type: str = ""
    text: str | None = None
    data: str | None = None
    mimeType: str | None = None  # noqa: N815  # as on the wire
    uri: str | None = None
    name: str | None = None
    description: str | None = None
    resource: _Resource | None = None


class _CallResult(msgspec.Struct):
    content: list[_Content] | None = None
    structuredContent: Any = None  # noqa: N815  # as on the wire
    isError: bool | None = None  # noqa: N815  # as on the wire
    resultType: str = "complete"  # noqa: N815  # as on the wire


_decode = msgspec.json.Decoder(_CallResult).decode
_encode = msgspec.json.Encoder().encode


def tool_result(raw: bytes) -> ToolResult:
    """The result of a `tools/call`. Raises `McpFault` when there is none in it."""
    try:
        result = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Nonsense(f"the result of its server is not one of a call: {error}") from error
    if result.resultType == INPUT_REQUIRED:
        raise McpFault("its server asks for input from a person, which there is no way to give here")
    if result.resultType != "complete":
        raise Nonsense(f"its server gave a result of an unknown type, {result.resultType[:64]!r}")
    return ToolResult(_text_of(result), error=bool(result.isError))


def _text_of(result: _CallResult) -> str:
    content = result.content or []
    texts = [one.text for one in content if one.type == "text" and one.text is not None]
    parts = [text for one in content if (text := _described(one))]
    structured = result.structuredContent
    if structured is not None and not _says(texts, structured):
        parts.append(_encode(structured).decode())
    return "\n".join(parts) or "(The result is empty.)"


def _described(content: _Content) -> str:
    if content.type == "text":
        return content.text or ""
    if content.type in ("image", "audio"):
        return f"[{content.mimeType or content.type}, {size(content.data or '')}]"
    if content.type == "resource_link":
        return f"[{', '.join(_link(content))}]"
    if content.type == "resource" and content.resource is not None:
        return _resource(content.resource)
    return f"[content of type {content.type[:64]!r}, which cannot be shown]"


def _link(content: _Content) -> Iterator[str]:
    yield f"resource {content.uri or 'without a URI'}"
    yield from (text for text in (content.name, content.mimeType, content.description) if text)


def _resource(resource: _Resource) -> str:
    what = ", ".join(filter(None, (f"resource {resource.uri}", resource.mimeType)))
    if resource.text is not None:
        return f"[{what}]\n{resource.text}"
    return f"[{what}, {size(resource.blob or '')}]"


def size(data: str) -> str:
    """How much data a base64 text holds, for a person."""
    count = len(data.rstrip("=")) * 3 // 4
    return f"{count} bytes" if count < 1000 else f"{count // 1000} kB"


def _says(texts: Sequence[str], structured: Any) -> bool:
    """Whether the texts say what `structured` does. SDKs wrap what is no object as {"result": ...}."""
    bare = (
        structured["result"]
        if isinstance(structured, dict) and structured.keys() == {"result"}
        else structured
    )
    if len(texts) == 1 and (_is(texts[0], structured) or _is(texts[0], bare)):
        return True
    if not isinstance(bare, list) or len(bare) != len(texts):
        return False
    return all(_is(text, item) for text, item in zip(texts, bare, strict=True))


def _is(text: str, value: Any) -> bool:
    if isinstance(value, str) and text == value:
        return True
    try:
        return bool(msgspec.json.decode(text) == value)
    except (msgspec.MsgspecError, RecursionError):
        return False
