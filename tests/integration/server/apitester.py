"""What the API tester cannot know from a JSON Schema, told to it: hooks that its command line loads."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis.generation import GenerationMode

QUESTION = {"role": "user", "content": "Hello"}
DIALOGUES = {"/v1/chat/completions": "messages", "/v1/responses": "input"}


@schemathesis.hook
def filter_case(_: Any, case: Any) -> bool:
    """Headers that nobody knows are no mistake: proxies add some to every request."""
    return "x-schemathesis-unknown-property" not in (case.headers or {})


@schemathesis.hook
def before_call(_: Any, case: Any, __: dict[str, Any]) -> None:
    """A schema has no word for this: the last message of a dialogue has to be the user's, and an
    Idempotency-Key belongs to one request."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = str(uuid4())
    field = DIALOGUES.get(case.operation.path)
    if field is None:
        return
    if isinstance(case.body, dict) and isinstance(case.body.get(field), list):
        case.body[field] = [*case.body[field], QUESTION]
