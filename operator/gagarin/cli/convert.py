"""`gagarin convert`: a configuration of the service that Gagarin used to be, as manifests.

Manifests go where they can be committed, Secrets into a file of their own that only its owner can read, and
what has no counterpart, or is left to be done, to the person who ran it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from gagarin.cli import documents
from gagarin.cli.errors import CommandError
from gagarin.conversion.convert import Conversion, convert
from gagarin.conversion.report import ConversionError, Note
from gagarin.conversion.yamltext import as_yaml
from gagarin.core.objects import Object

MANIFESTS, SECRETS = "manifests.yaml", "secrets.yaml"
_TITLES = {
    "todo": "left to be done",
    "changed": "not quite as before",
    "dropped": "without a counterpart, left out",
}


def converted(
    file: Path,
    namespace: str | None,
    environment: Mapping[str, str] = os.environ,
    stdin: TextIO = sys.stdin,
) -> Conversion:
    """The conversion of a file, or of the standard input for `-`. Raises `CommandError` with every fault."""
    try:
        return convert(_read(file, stdin), namespace, environment)
    except ConversionError as error:
        raise CommandError(
            f"{file} cannot be converted:\n" + "\n".join(f"  {each}" for each in error.faults)
        ) from error


def write(conversion: Conversion, folder: Path, *, force: bool = False) -> list[Path]:
    """Write `manifests.yaml`, and `secrets.yaml` if there are any. Nothing is written if one of them is there
    already, unless forced."""
    texts = {folder / MANIFESTS: as_documents(conversion.manifests)}
    if conversion.secrets:
        texts[folder / SECRETS] = as_documents(conversion.secrets)
    existing = [str(file) for file in texts if file.exists()]
    if existing and not force:
        raise CommandError(f"{', '.join(existing)}: there already (--force overwrites)")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            _write(file, text, private=file.name == SECRETS)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    return list(texts)


def as_documents(manifests: Iterable[Object]) -> str:
    """All of them in one YAML text."""
    return "".join(f"---\n{as_yaml(manifest)}" for manifest in manifests)


def report(notes: Sequence[Note]) -> list[str]:
    """The notes as lines, what is to be done first."""
    lines: list[str] = []
    for weight, title in _TITLES.items():
        own = [note for note in notes if note.weight == weight]
        lines += [f"{title}:"] if own else []
        lines += [f"  {note.where}: {note.text}" for note in own]
    return lines


def _read(file: Path, stdin: TextIO) -> Any:
    try:
        text = stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file}: it is not UTF-8 text") from error
    found = list(documents.documents(str(file), text))
    if len(found) != 1:
        raise CommandError(f"{file}: a configuration is one document, and this has {len(found)}")
    return found[0].value


def _write(file: Path, text: str, *, private: bool) -> None:
    """`private`: for the owner alone from its first byte on."""
    file.unlink(missing_ok=True)
    mode = 0o600 if private else 0o666
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8"
    ) as opened:
        opened.write(text)
