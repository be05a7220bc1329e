"""Files of YAML, read as `conversion.yamltext` reads texts; its errors become the command line's."""

from __future__ import annotations

from collections.abc import Iterator

from gagarin.cli.errors import ManifestError
from gagarin.conversion import yamltext
from gagarin.conversion.yamltext import Document, YamlError


def documents(file: str, text: str) -> Iterator[Document]:
    """The documents in a text, empty ones left out. Raises `ManifestError`."""
    try:
        yield from yamltext.documents(file, text)
    except YamlError as error:
        raise ManifestError(*error.mark, error.problem) from error
