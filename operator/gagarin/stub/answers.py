"""From a chat request and a reply to an answer, and its JSON as one body.

The default answer tells a person, and a test, what arrived at the model: the last message, the model's name,
the first words of the instructions, how many messages came before, and the fingerprint of the key.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gagarin.stub import tokens
from gagarin.stub.requests import ChatRequest
from gagarin.stub.rules import Reply

_PROMPT_WORDS = 12


class Call(NamedTuple):
    """A tool call of an answer; `arguments` as the wire carries them."""

    id: str
    name: str
    arguments: str


class Answer(NamedTuple):
    """What the model says. `id` is also the prefix of the tool calls' ids."""

    id: str
    created: int
    model: str
    tokens: list[str]
    calls: list[Call]
    finish_reason: str
    prompt_tokens: int

    @property
    def usage(self) -> dict[str, int]:
        """The tokens of the request and of the answer, counted as `tokens` describes."""
        completion = len(self.tokens) + sum(tokens.count(call.arguments) for call in self.calls)
        total = self.prompt_tokens + completion
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": completion, "total_tokens": total}


def compose(chat: ChatRequest, reply: Reply, key: str | None, number: int, created: int) -> Answer:
    """The answer to the `number`th request; `key` is what to call the caller's key, `created` Unix time."""
    said = _say(chat, reply, key)
    limit = chat.token_limit
    cut = limit is not None and limit < len(said)
    finish = "length" if cut else "tool_calls" if reply.tool_calls else "stop"
    return Answer(
        id=f"chatcmpl-stub-{number}",
        created=created,
        model=chat.model,
        tokens=said[:limit],
        calls=[
            Call(f"call_stub_{number}_{i}", t.name, t.arguments_text) for i, t in enumerate(reply.tool_calls)
        ],
        finish_reason=reply.finish_reason or finish,
        prompt_tokens=sum(tokens.count(message.text) for message in chat.messages),
    )


def _say(chat: ChatRequest, reply: Reply, key: str | None) -> list[str]:
    if reply.tokens is not None:
        return tokens.generate(reply.tokens)
    if reply.content is not None:
        return tokens.split(reply.content)
    return [] if reply.tool_calls else tokens.split(describe(chat, key))


def describe(chat: ChatRequest, key: str | None) -> str:
    """The default answer."""
    last = chat.messages[-1]
    opening = (
        f'The tool said: "{last.text}".' if last.role == "tool" else f'You said: "{chat.last_user_text}".'
    )
    earlier = sum(message.role in ("user", "assistant") for message in chat.messages[:-1])
    return (
        f"{opening} I am the model {chat.model}, {_instructions(chat)}; "
        f"I was sent {earlier} earlier message{'' if earlier == 1 else 's'} and {key or 'no key'}."
    )


def _instructions(chat: ChatRequest) -> str:
    words = next((m.text for m in chat.messages if m.role in ("system", "developer")), "").split()
    if not words:
        return "without instructions"
    more = "..." if len(words) > _PROMPT_WORDS else ""
    return f'instructed with "{" ".join(words[:_PROMPT_WORDS])}{more}"'


def encode(answer: Answer) -> bytes:
    """The body of a plain (not streamed) answer."""
    message: dict[str, object] = {
        "role": "assistant",
        "content": "".join(answer.tokens) if answer.tokens or not answer.calls else None,
        "refusal": None,
    }
    if answer.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return msgspec.json.encode(
        {
            "id": answer.id,
            "object": "chat.completion",
            "created": answer.created,
            "model": answer.model,
            "choices": [choice],
            "usage": answer.usage,
        }
    )
