"""Every golden case: the output in the repository is what the code makes of the input today, and between them
the cases use every field that there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gagarin.api import status
from gagarin.api.kinds import KINDS, parse
from gagarin.api.schema import Schema
from gagarin.core.graph import references
from gagarin.core.objects import Key, Object, ObjectMap, key_of
from gagarin.core.resolve import resolve
from tests.golden.cases import become, cases, installation, produce, resources


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case.name))
def test_the_output_is_what_the_input_becomes(case: Path) -> None:
    expected = {path.name: path.read_text(encoding="utf-8") for path in (case / "output").iterdir()}
    assert produce(case) == expected, "after reading the difference: python -m tests.golden.cases"


def test_the_input_says_nothing_that_does_not_exist() -> None:
    for item in _ours():
        parse(item, unknown="forbid")


def test_every_field_has_an_effect() -> None:
    """There is a case in which taking the field away changes what becomes of the resources."""
    without = _all_fields(Schema)
    for case in cases():
        items, installed = resources(case), installation(case)
        before = repr(become(items, *installed))
        for item in items:
            if item["kind"] not in KINDS:
                continue
            for field, parent, name in list(_places(parse(item), item["spec"])):
                if field in without and _become_without(items, installed, parent, name) != before:
                    without.discard(field)
    assert sorted(without) == []


class _Recorder(ObjectMap):
    """Remembers what was asked for."""

    def __init__(self, objects: list[Object]) -> None:
        super().__init__(objects)
        self.asked: set[Key] = set()

    def get(self, key: Key, default: Any = None, /) -> Any:
        self.asked.add(key)
        return super().get(key, default)


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case.name))
def test_whatever_resolving_looks_at_is_reached_by_references(case: Path) -> None:
    """So that a change of any of it makes the graph look again."""
    items, (_, policy) = resources(case), installation(case)
    for item in items:
        if item["kind"] in KINDS:
            objects = _Recorder(items)
            resolve(item, objects, policy)
            assert objects.asked <= _reachable(item, ObjectMap(items))


def _reachable(item: Object, objects: ObjectMap) -> set[Key]:
    found, waiting = {key_of(item)}, [item]
    while waiting:
        fresh = references(waiting.pop()) - found
        found |= fresh
        waiting += [objects[key] for key in fresh if key in objects]
    return found


def _ours() -> list[dict[str, Any]]:
    return [item for case in cases() for item in resources(case) if item["kind"] in KINDS]


def _all_fields(schema: type[Schema]) -> set[str]:
    """Every field of every part of a spec, as PART.FIELD."""
    inner = set().union(*map(_all_fields, schema.__subclasses__()))
    if schema.__module__ == status.__name__:
        return inner
    return inner | {f"{schema.__name__}.{name}" for name in schema.model_fields}


def _places(part: Any, raw: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The fields that somebody gave, each with the dictionary it stands in and its name there."""
    if isinstance(part, tuple):
        for each, raw_each in zip(part, raw, strict=True):
            yield from _places(each, raw_each)
    elif isinstance(part, Schema):
        for name in part.model_fields_set:
            alias = type(part).model_fields[name].alias or name
            yield f"{type(part).__name__}.{name}", raw, alias
            yield from _places(getattr(part, name), raw[alias])


def _become_without(items: list[Any], installed: Any, parent: dict[str, Any], name: str) -> str:
    complete = dict(parent)
    del parent[name]
    try:
        return repr(become(items, *installed))
    finally:
        parent.clear()
        parent.update(complete)
