"""Answers that have to fit a JSON Schema (`responseSchema` of an Agent)."""

from __future__ import annotations

import re
from typing import Any

from gagarin.server import schemas
from gagarin.server.schemas import Schema, SchemaError
from gagarin.server.wire import ANSWER_FUNCTION, Reply
from gagarin.serving.errors import StartError

_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL | re.IGNORECASE)


class AnswerSchema:
    """What an answer has to look like. Raises `StartError` for a schema that cannot be used."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            self._schema = Schema(schema)
        except SchemaError as error:
            raise StartError(f"response_schema: it is no JSON Schema that can be used: {error}") from error

    def faults(self, answer: str) -> list[str]:
        """What is wrong with an answer; nothing: it fits."""
        try:
            value = schemas.decode(answer)
        except ValueError as error:
            return [f"it is not JSON: {error}"]
        return self._schema.faults(value)


def answer_in(reply: Reply) -> str:
    """The JSON that a reply answers with: as its text, which some models put between code fences, or
    through the function that takes the answer."""
    for call in reply.calls:
        if call.name == ANSWER_FUNCTION:
            return call.arguments
    fenced = _FENCED.fullmatch(reply.text)
    return fenced[1] if fenced else reply.text.strip()
