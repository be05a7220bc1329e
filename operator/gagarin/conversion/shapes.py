"""A part of the original's configuration, read field by field.

Every field that is looked at is crossed off; what is left at the end is told, so that a misspelt or unknown
field is never just gone. `${NAME}`, and `$NAME` as a whole value, are replaced. The original replaced every
`$` of the text, prices in prompts among them, and made empty what was not set; here it stays, and is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from gagarin.conversion.report import Report

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\A\$([A-Za-z_][A-Za-z0-9_]*)\Z")


class Fields:
    """A mapping of the configuration, at a place."""

    def __init__(self, value: Any, where: str, report: Report, environment: Mapping[str, str]) -> None:
        self._report = report
        self._environment = environment
        self.where = where
        if value is None:
            value = {}
        if not isinstance(value, dict):
            report.fault(where, f"must be a mapping, and is {_kind(value)}")
            value = {}
        self._left: dict[str, Any] = dict(value)

    def place(self, name: str) -> str:
        """Where a field stands."""
        return f"{self.where}.{name}" if self.where else name

    def take(self, name: str) -> Any:
        """The value as it is, or None."""
        return self._left.pop(name, None)

    def has(self, name: str) -> bool:
        """Whether it is there and not taken yet."""
        return self._left.get(name) is not None

    def text(self, name: str) -> str:
        """A text, "" if it is not there. Numbers are taken as texts, because YAML makes them of names."""
        text = self.secret(name)
        for found in VARIABLE.finditer(text):
            told = f"{found[0]} is not set; it stays as it is written"
            self._report.note("todo", self.place(name), told)
        return text

    def secret(self, name: str) -> str:
        """A text; a variable in it that is not set is left for others to tell."""
        value = self.take(name)
        if value is None:
            return ""
        if isinstance(value, bool | dict | list):
            self._report.fault(self.place(name), f"must be a text, and is {_kind(value)}")
            return ""
        return VARIABLE.sub(self._value_of, str(value))

    def reference(self, name: str) -> dict[str, Any] | None:
        """`{secretKeyRef: ...}`, in place of a text that is secret; it is taken as it is."""
        value = self._left.get(name)
        if not (isinstance(value, dict) and isinstance(value.get("secretKeyRef"), dict)):
            return None
        found: dict[str, Any] = self.take(name)
        return found

    def _value_of(self, found: re.Match[str]) -> str:
        return self._environment.get(found[1] or found[2], found[0])

    def first_text(self, *names: str) -> str:
        """The first of several names for the same thing; all are crossed off."""
        found = [self.text(name) for name in names]
        return next((text for text in found if text), "")

    def decimal(self, name: str) -> str | None:
        """A number as a decimal without an exponent."""
        value = self.take(name)
        if value is None:
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal(-1)
        if isinstance(value, bool) or not number.is_finite() or number < 0:
            self._report.fault(self.place(name), "must be a number that is not negative")
            return None
        return f"{number.normalize():f}"

    def whole(self, name: str) -> int | None:
        """A whole number."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not str(value).isascii() or not str(value).isdigit():
            self._report.fault(self.place(name), "must be a whole number that is not negative")
            return None
        return int(value)

    def inner(self, name: str) -> Fields:
        """A mapping inside; an empty one if it is not there."""
        return Fields(self.take(name), self.place(name), self._report, self._environment)

    def values(self, name: str) -> list[Any]:
        """A list; empty if it is not there."""
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._report.fault(self.place(name), f"must be a list, and is {_kind(value)}")
            return []
        return value

    def items(self, name: str) -> Iterator[Fields]:
        """The mappings of a list."""
        for index, value in enumerate(self.values(name)):
            yield Fields(value, f"{self.place(name)}[{index}]", self._report, self._environment)

    def drop(self, name: str, why: str) -> None:
        """Cross off a field that has no counterpart; tell why, if it says anything."""
        if self.take(name) not in (None, "", [], {}, False):
            self._report.note("dropped", self.place(name), why)

    def finish(self) -> None:
        """Tell what was not crossed off."""
        for name in self._left:
            self._report.note("dropped", self.place(str(name)), "this field is not known")


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", str: "a text", list: "a list", dict: "a mapping"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
