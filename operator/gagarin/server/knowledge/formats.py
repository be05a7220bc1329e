"""HTML, Markdown, PDF and plain text as sections: a well-kept parser for each, and what we take from it.

Only the reader process calls this: parsers are large, and documents come from anywhere. Each is imported when
it is needed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from typing import TYPE_CHECKING, Literal

from gagarin.server.knowledge.chunks import Document, Section

if TYPE_CHECKING:
    from markdown_it.token import Token
    from selectolax.lexbor import LexborNode

# What stands around the text of a page, not in it.
_AROUND = ("script", "style", "noscript", "template", "svg", "nav", "header", "footer", "aside", "form")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = (
    "p",
    "li",
    "pre",
    "blockquote",
    "tr",
    "dt",
    "dd",
    "figcaption",
    "div",
    "section",
    "article",
    "table",
)
_Mark = tuple[Literal["section", "heading", "text"], str]
_BREAKS: dict[str, _Mark] = {
    **dict.fromkeys(_BLOCKS, ("text", "\n\n")),
    **dict.fromkeys(("td", "th"), ("text", " ")),
    "br": ("text", "\n"),
}
_META_CHARSET = re.compile(rb"""<meta[^>]+charset=["']?([\w-]+)""", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\f\v\u00a0]+")
_BLANK = re.compile(r" ?\n ?(\n ?)+")


class Unreadable(ValueError):  # noqa: N818 -- says what happened
    """The document cannot be read; the message says why, without quoting it."""


def read(data: bytes, content_type: str, location: str) -> Document:
    """The document in `data`. `content_type` is a Content-Type header, "" when nobody said. Raises
    `Unreadable`."""
    kind, charset = _kind(data, content_type, location)
    document = _READERS[kind](data, charset)
    sections = [Section(_line(part.heading), _tidy(part.text)) for part in document.sections]
    return Document(_line(document.title), [part for part in sections if part.text])


def _kind(data: bytes, content_type: str, location: str) -> tuple[str, str]:
    """Which reader: by the type, by the name, or by the first bytes; and the charset, "" if unknown."""
    header = Message()
    header["Content-Type"] = content_type or "application/octet-stream"
    charset = str(header.get_param("charset", "") or "")
    stated = _TYPES.get(header.get_content_type())
    suffix = _SUFFIXES.get(re.split(r"[?#]", location)[0].rpartition(".")[2].lower())
    found = _sniffed(data) or (suffix if stated in (None, "text") else None) or stated
    if found is None:
        known = "HTML, Markdown, PDF and plain text can be read"
        raise Unreadable(f"it is {header.get_content_type()}; {known}")
    return found, charset


def _sniffed(data: bytes) -> str | None:
    start = data[:1024].lstrip().lower()
    if start.startswith(b"%pdf-"):
        return "pdf"
    return "html" if start.startswith((b"<!doctype html", b"<html")) else None


def _text(data: bytes, charset: str) -> Document:
    text = _decoded(data, charset)
    if "\x00" in text:
        raise Unreadable("it is binary")
    return Document("", [Section("", text)])


def _decoded(data: bytes, charset: str) -> str:
    """The text; a byte that does not fit is replaced, because one bad byte is no reason to lose a page."""
    try:
        return data.decode(charset or "utf-8-sig", errors="replace")
    except LookupError:
        return data.decode("utf-8-sig", errors="replace")


def _html(data: bytes, charset: str) -> Document:
    from selectolax.lexbor import LexborHTMLParser

    declared = _META_CHARSET.search(data[:4096])
    tree = LexborHTMLParser(_decoded(data, charset or (declared[1].decode() if declared else "")))
    title = tree.css_first("title")
    tree.strip_tags(list(_AROUND))
    body = tree.css_first("main") or tree.css_first("article") or tree.body
    marks = _html_marks(body) if body is not None else ()
    return Document(title.text() if title is not None else "", list(_sections(marks)))


def _html_marks(body: LexborNode) -> Iterator[_Mark]:
    """The text of a page in its order. Without recursion: pages may be nested as deep as they like."""
    waiting: list[LexborNode | _Mark] = [body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            yield node
        elif node.tag in _HEADINGS:
            yield "section", node.tag
            yield "heading", node.text()
        elif node.tag == "-text":
            yield "text", node.text_content or ""
        else:
            around = _BREAKS.get(node.tag or "")
            inner = list(node.iter(include_text=True))
            if around:
                yield around
            if around and inner:
                waiting.append(around)
            waiting.extend(reversed(inner))


def _markdown(data: bytes, charset: str) -> Document:
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(_decoded(data, charset))
    sections = list(_sections(_markdown_marks(tokens)))
    title = next((part.heading for part in sections if part.heading), "")
    return Document(title, sections)


def _markdown_marks(tokens: Iterable[Token]) -> Iterator[_Mark]:
    in_heading = False
    for token in tokens:
        if token.type == "heading_open":
            in_heading = True
            yield "section", token.tag
        elif token.type == "heading_close":
            in_heading = False
        elif token.type == "inline":
            yield ("heading" if in_heading else "text"), token.content
        elif token.type in ("fence", "code_block"):
            yield "text", f"{token.content}\n\n"
        elif token.type in ("td_close", "th_close"):
            yield "text", " "
        elif token.type.endswith("_close"):
            yield "text", "\n\n"


def _sections(marks: Iterable[_Mark]) -> Iterator[Section]:
    """A section for each heading that is followed by text; its heading is the path of headings above it."""
    path: dict[int, str] = {}
    level, text = 0, ""
    for mark, value in marks:
        if mark == "section":
            if text.strip():
                yield Section(_path(path), text)
            level, text = int(value[1]), ""
            path = {depth: heading for depth, heading in path.items() if depth < level} | {level: ""}
        elif mark == "heading":
            path[level] += value
        else:
            text += value
    if text.strip():
        yield Section(_path(path), text)


def _path(headings: dict[int, str]) -> str:
    return " > ".join(line for heading in headings.values() if (line := _line(heading)))


def _pdf(data: bytes, _: str) -> Document:
    from pypdf import PdfReader

    try:
        reader = PdfReader(io.BytesIO(data))
        title = reader.metadata.title if reader.metadata else None
        pages = [
            Section(f"page {number}", page.extract_text()) for number, page in enumerate(reader.pages, 1)
        ]
    except Exception as error:  # what a broken file makes of the parser is not for us to list
        raise Unreadable(f"it is not a PDF that can be read ({type(error).__name__})") from error
    return Document(str(title or ""), pages)


def _tidy(text: str) -> str:
    """White space as a reader sees it: one space, and one blank line between paragraphs."""
    return _BLANK.sub("\n\n", _SPACE.sub(" ", text.replace("\r\n", "\n"))).strip()


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


_READERS: dict[str, Callable[[bytes, str], Document]] = {
    "html": _html,
    "markdown": _markdown,
    "pdf": _pdf,
    "text": _text,
}
_TYPES = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "application/pdf": "pdf",
    "text/plain": "text",
    "text/csv": "text",
    "text/yaml": "text",
    "application/json": "text",
    "application/yaml": "text",
    "application/xml": "text",
    "text/xml": "text",
}
_SUFFIXES = {
    "html": "html",
    "htm": "html",
    "md": "markdown",
    "markdown": "markdown",
    "pdf": "pdf",
    "txt": "text",
    "csv": "text",
    "json": "text",
    "yaml": "text",
    "yml": "text",
}
