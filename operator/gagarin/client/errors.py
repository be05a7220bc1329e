"""What can go wrong when an Instance is called.

    GagarinError
    |- SettingsError          the address, the token or the certificates cannot be used: nothing was sent
    |- ConnectionFailed       nobody answers at the address: nothing was done
    |- Interrupted            the connection ended before the answer was whole
    |  `- TimedOut            it was silent for too long
    |- NotGagarin             what answered is no Instance: its answer cannot be read
    `- ProblemError           the Instance said no, and why (RFC 9457)
       |- InvalidRequest      400, 408, 409, 410, 413, 422 and what else is the request's fault
       |- Unauthenticated     401: the token is missing, expired, or for another audience
       |- Forbidden           403: RBAC has no Role that lets the caller do this
       |- NotFound            404
       |- TooManyRequests     429: `retry_after` says when to come again
       `- ServerFailed        5xx: the Instance, its database or the model provider failed
          `- Unavailable      503: it cannot answer now

No message holds a token or what was said to the model.
"""

# ruff: noqa: N818 -- the names say what happened; "Error" would add nothing

from __future__ import annotations

from collections.abc import Mapping

import msgspec

TYPE_BASE = "https://gagarin.fyodorov.ai/problems/"


class GagarinError(Exception):
    """Everything below."""


class SettingsError(GagarinError):
    """The message names the setting or the file, and says what is wrong with it."""


class ConnectionFailed(GagarinError):
    """No connection could be made, not even after trying again."""


class Interrupted(GagarinError):
    """The answer may have been made all the same; a conversation that is kept then has it."""


class TimedOut(Interrupted):
    """Nothing came within the client's own `timeout`."""


class NotGagarin(GagarinError):
    """Most likely the address is another server's."""


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong in one place: a JSON pointer into the body, or the name of a header or query
    parameter."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457), as Gagarin writes it."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: tuple[FieldError, ...] = ()


class ProblemError(GagarinError):
    """`slug` is the problem type's last part, such as `tokens-spent`; `retry_after` the seconds to wait, if
    the server named some; `errors` say what is wrong where."""

    def __init__(self, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.title}: {problem.detail}" if problem.detail else problem.title)
        self.status = problem.status
        self.slug = problem.type.removeprefix(TYPE_BASE)
        self.title = problem.title
        self.detail = problem.detail
        self.errors = problem.errors
        self.retry_after = retry_after


class InvalidRequest(ProblemError):
    """400 and the like."""


class Unauthenticated(ProblemError):
    """401."""


class Forbidden(ProblemError):
    """403."""


class NotFound(ProblemError):
    """404."""


class TooManyRequests(ProblemError):
    """429."""


class ServerFailed(ProblemError):
    """5xx."""


class Unavailable(ServerFailed):
    """503."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    429: TooManyRequests,
    503: Unavailable,
}


def error_of(problem: Problem, retry_after: float | None = None) -> ProblemError:
    """The error that a problem document stands for."""
    other = ServerFailed if problem.status >= 500 else InvalidRequest
    return _BY_STATUS.get(problem.status, other)(problem, retry_after)


def refusal(status: int, body: bytes, headers: Mapping[str, str]) -> GagarinError:
    """The error that an answer of 300 or more stands for. What writes no problem documents (a proxy, say) is
    told by its status alone."""
    if status < 400:
        return NotGagarin(f"the server answered {status}, which no Instance does; redirects are not followed")
    wait = headers.get("Retry-After", "")
    retry_after = float(wait) if wait.isascii() and wait.isdigit() else None
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        problem = Problem(type="about:blank", title=f"The server answered {status}", status=status)
    return error_of(problem, retry_after)
