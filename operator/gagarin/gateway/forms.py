"""What is posted, as manifests: every body is a small configuration of the original, and converted as one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gagarin.conversion.convert import convert
from gagarin.conversion.report import ConversionError
from gagarin.core.objects import Object
from gagarin.gateway import problems
from gagarin.kube.resources import AGENT, INSTANCE, MODEL, PROVIDER, TOOL, Resource
from gagarin.serving.errors import Problem

RESOURCES: dict[str, Resource] = {
    "providers": PROVIDER,
    "models": MODEL,
    "tools": TOOL,
    "agents": AGENT,
    "instances": INSTANCE,
}
SECTIONS = {resource.kind: section for section, resource in RESOURCES.items()}
_FIRST = re.compile(r"^(?:providers|models|tools|agents|instances)\[0\]\.?")


class Converted(NamedTuple):
    """What a body comes to."""

    manifests: list[Object]
    secrets: list[Object]
    notes: list[str]


def converted(configuration: Any, namespace: str, kind: str | None = None) -> Converted:
    """The manifests of a configuration, or those of one kind, with what there is to tell. Raises `Problem`
    422.

    Variables are not replaced: the environment here is the gateway's, which is nobody's business.
    """
    try:
        made = convert(configuration, namespace, complete=False)
    except ConversionError as error:
        raise invalid(error, single=kind is not None) from error
    notes = [_place(f"{note.where}: {note.text}", single=kind is not None) for note in made.notes]
    manifests = [item for item in made.manifests if kind in (None, item["kind"])]
    return Converted(manifests, made.secrets, notes)


async def configuration(given: Any, namespace: str) -> Converted:
    """The manifests of a whole configuration; others are not to wait for its conversion."""
    return await asyncio.to_thread(converted, given, namespace)


def form(section: str, body: Mapping[str, Any], namespace: str) -> Converted:
    """The one manifest of a body. Raises `Problem` 422."""
    return converted({section: [body]}, namespace, RESOURCES[section].kind)


def invalid(error: ConversionError, *, single: bool) -> Problem:
    """The faults, each at its place."""
    faults = [_place(fault, single=single).partition(": ") for fault in error.faults]
    return problems.invalid([(where, what) if what else ("", where) for where, _, what in faults])


def _place(sentence: str, *, single: bool) -> str:
    """Where a body is one entry, its fields need no section."""
    return _FIRST.sub("", sentence) if single else sentence
