"""Answers that have to fit a schema: where they stand in a reply, and what is wrong with them."""

from __future__ import annotations

import pytest

from gagarin.server.structured import AnswerSchema, answer_in
from gagarin.server.toolcalls import Call
from gagarin.server.wire import ANSWER_FUNCTION, Reply
from gagarin.serving.errors import StartError

GIVEN = Call("a", ANSWER_FUNCTION, '{"a":1}')


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Reply(' {"a":1}\n'), '{"a":1}'),
        (Reply('```json\n{"a":1}\n```'), '{"a":1}'),
        (Reply('```\n{"a":1}\n```\n'), '{"a":1}'),
        (Reply("Here: ```json\n{}\n```"), "Here: ```json\n{}\n```"),
        (Reply("I think so.", calls=(Call("b", "other", "{}"), GIVEN)), '{"a":1}'),
        (Reply("", calls=(Call("b", "other", "{}"),)), ""),
    ],
)
def test_an_answer_stands_in_the_text_or_in_a_call(reply: Reply, answer: str) -> None:
    assert answer_in(reply) == answer


def test_what_is_wrong_with_an_answer_is_told() -> None:
    schema = AnswerSchema({"type": "object", "required": ["a"]})
    assert schema.faults('{"a": 1}') == []
    assert schema.faults("{}") == ['/: "a" is a required property']
    (fault,) = schema.faults("Sorry.")
    assert fault.startswith("it is not JSON")


def test_a_schema_that_cannot_be_used_ends_the_start() -> None:
    with pytest.raises(StartError, match="response_schema"):
        AnswerSchema({"type": "objct"})
