"""HTML, Markdown, PDF and plain text are read with their headings; what is none of them is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gagarin.server.knowledge.chunks import Document, Section
from gagarin.server.knowledge.formats import Unreadable, read
from tests.unit.server.knowledge.pdfs import pdf

PAGE = """<!DOCTYPE html><html><head><title> Our  handbook </title><style>p {color: red}</style></head><body>
<nav>Home</nav><main><p>Before.</p><h1>Travel <b>rules</b></h1><p>Take&nbsp;the <i>train</i>.</p>
<h2>Trains</h2><ul><li>Fast</li><li>Slow</li></ul>loose<pre>a  b</pre>
<table><tr><th>Class</th><th>Price</th></tr><tr><td>1</td><td>20</td></tr></table>
<h2></h2><h1>Hotels</h1><script>alert("no")</script><p>One<br>Two</p></main><footer>Imprint</footer></body></html>"""

NOTES = """intro

# Travel *rules*

Take the
train.

- a
- b

## Trains

```
x = 1
```

| A | B |
|---|---|
| 1 | 2 |
"""


def test_a_page_is_read_section_by_section() -> None:
    assert read(PAGE.encode(), "text/html; charset=utf-8", "https://a.example/") == Document(
        "Our handbook",
        [
            Section("", "Before."),
            Section("Travel rules", "Take the train."),
            Section("Travel rules > Trains", "Fast\n\nSlow\n\nloose\n\na b\n\nClass Price\n\n1 20"),
            Section("Hotels", "One\nTwo"),
        ],
    )


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ("<html><p>Grüße</p>".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ('<html><meta charset="latin-1"><p>Grüße</p>'.encode("latin-1"), "text/html"),
        ("<html><p>Grüße</p>".encode(), "text/html"),
        ("<html><p>Grüße</p>".encode(), "text/html; charset=nonsense"),
        ("<html><p>Grüße</p>".encode(), "application/octet-stream"),
    ],
)
def test_a_page_says_how_its_letters_are_written(data: bytes, content_type: str) -> None:
    assert read(data, content_type, "").sections == [Section("", "Grüße")]


def test_a_page_without_a_body_has_no_sections() -> None:
    assert read(b"<html></html>", "text/html", "").sections == []


def test_a_page_may_be_nested_as_deep_as_it_likes() -> None:
    data = b"<html>" + b"<div>" * 5000 + b"deep"
    assert read(data, "text/html", "").sections == [Section("", "deep")]


def test_markdown_is_read_by_its_headings() -> None:
    assert read(NOTES.encode(), "text/markdown", "") == Document(
        "Travel *rules*",
        [
            Section("", "intro"),
            Section("Travel *rules*", "Take the\ntrain.\n\na\n\nb"),
            Section("Travel *rules* > Trains", "x = 1\n\nA B\n\n1 2"),
        ],
    )


def test_a_pdf_is_read_page_by_page() -> None:
    assert read(pdf("Take the train.", "Stay at home."), "application/pdf", "") == Document(
        "A title", [Section("page 1", "Take the train."), Section("page 2", "Stay at home.")]
    )


@pytest.mark.parametrize("data", [b"%PDF-1.4 and then nothing", pdf("a")[:200]])
def test_a_broken_pdf_is_told(data: bytes) -> None:
    with pytest.raises(Unreadable, match="not a PDF that can be read"):
        read(data, "application/pdf", "")


@pytest.mark.parametrize(
    ("location", "content_type", "title"),
    [
        ("notes.md", "", "Head"),
        ("https://a.example/notes.MD?raw=1#top", "text/plain", "Head"),
        ("notes.txt", "", ""),
        ("notes", "text/plain", ""),
    ],
)
def test_the_name_decides_where_the_type_does_not(location: str, content_type: str, title: str) -> None:
    assert read(b"# Head\n\ntext", content_type, location).title == title


@pytest.mark.parametrize(
    ("data", "content_type", "reason"),
    [
        (b"PK\x03\x04", "application/zip", "it is application/zip; HTML, Markdown, PDF and plain text can"),
        (b"text", "", "it is application/octet-stream"),
        (b"a\x00b", "text/plain", "it is binary"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read(data, content_type, "")


@given(
    st.binary(max_size=200), st.sampled_from(["text/html", "text/markdown", "text/plain", "application/pdf"])
)
def test_any_bytes_are_read_or_refused(data: bytes, content_type: str) -> None:
    try:
        document = read(data, content_type, "")
    except Unreadable:
        return
    assert all(section.text for section in document.sections)
