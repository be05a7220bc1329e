"""What `gagarin lint` found, as lines for people, JSON for programs, and annotations for GitHub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from rich.text import Text

Severity = Literal["error", "warning"]
STYLES = {"error": "bold red", "warning": "bold yellow"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One finding; `line` and `column` count from 1. `rule` is a word that stays: a reason out of
    `core.reasons`, or syntax, duplicate, schema, unknown-field, unknown-version. `object` is `Kind
    ns/name`."""

    file: str
    line: int
    column: int
    severity: Severity
    rule: str
    object: str
    message: str


def as_lines(findings: Sequence[Finding]) -> Text:
    """One line each, `FILE:LINE:COLUMN: SEVERITY RULE MESSAGE`, and how many there are."""
    text = Text()
    for each in findings:
        text.append(f"{each.file}:{each.line}:{each.column}", "bold")
        text.append(": ")
        text.append(each.severity, STYLES[each.severity])
        text.append(f" {each.rule}: ")
        text.append(f"{each.object}: {each.message}\n" if each.object else f"{each.message}\n")
    return text.append(summary(findings))


def as_json(findings: Sequence[Finding]) -> str:
    """One object with the list `findings` and the number of errors and warnings."""
    counts = Counter(each.severity for each in findings)
    listed = [asdict(each) for each in findings]
    return json.dumps(
        {"findings": listed, "errors": counts["error"], "warnings": counts["warning"]}, indent=2
    )


def as_github(findings: Sequence[Finding]) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    return "\n".join(_command(each) for each in findings)


def _command(each: Finding) -> str:
    place = f"file={_property(each.file)},line={each.line},col={each.column},title={_property(each.rule)}"
    message = f"{each.object}: {each.message}" if each.object else each.message
    return f"::{each.severity} {place}::{_data(message)}"


def summary(findings: Sequence[Finding]) -> str:
    """How many there are, in words."""
    counts = Counter(each.severity for each in findings)
    if not counts:
        return "nothing to complain about"
    return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in sorted(counts.items()))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


FORMATS: dict[str, Callable[[Sequence[Finding]], str | Text]] = {
    "table": as_lines,
    "json": as_json,
    "github": as_github,
}
