"""Script files: YAML or JSON that says what the stub answers, checked before the server starts.

What is wrong is reported with file, line and field, as a compiler would.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import yaml

from gagarin.stub.errors import ScriptError
from gagarin.stub.rules import Script

_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def load(path: Path) -> Script:
    """The script in a file. Raises `ScriptError`."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read: {error}") from error


def parse(text: str, source: str) -> Script:
    """The script in `text`; `source` is its name in messages. Raises `ScriptError`."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ScriptError(_syntax(error, source)) from error
    try:
        return msgspec.convert({} if value is None else value, Script)
    except msgspec.ValidationError as error:
        raise ScriptError(_located(error, node, source)) from error


def _syntax(error: Exception, source: str) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    return f"{source}{line}: not valid YAML or JSON: {getattr(error, 'problem', None) or error}"


def _located(error: msgspec.ValidationError, node: yaml.Node | None, source: str) -> str:
    message = str(error)
    found = _AT.search(message)
    path = found["path"] if found else ""
    line = _line(node, path)
    what = message[: found.start()] if found else message
    return f"{source}:{line}: {path.lstrip('.') or 'the script'}: {what}"


def _line(node: yaml.Node | None, path: str) -> int:
    """The line of the deepest part of `path` that exists."""
    line = 1
    for name, index in _STEP.findall(path):
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == name), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and index:
            node = node.value[int(index)]
            line = node.start_mark.line + 1
    return line
