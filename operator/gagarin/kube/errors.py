"""What can go wrong between us and the API server, translated once, here.

    KubeError                 the API server said no, or could not be asked
    |- Unauthorized           401: our own credentials are not (or no longer) good
    |- Forbidden              403: RBAC or an admission plugin refused; the message says which verb on what
    |- NotFound               404
    |- Conflict               409: somebody was faster, or the object exists already
    |  `- AlreadyExists
    |- Gone                   410: the resource version or list position is too old: list again
    |- Invalid                400, 413, 415, 422: the object itself is refused; trying again will not help
    |- TooManyRequests        429: try again after `retry_after` seconds
    `- Unavailable            no connection, a timeout, 5xx, or an answer that is not Kubernetes'

    EndpointError             no API server is configured, or its credentials cannot be read

`Status` objects are described in the Kubernetes API conventions, "Response Status Kind".
"""

# ruff: noqa: N818 -- the names are the reasons that Kubernetes itself answers with

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class EndpointError(ValueError):
    """A kubeconfig, a service account folder or an explicit setting cannot be used; the message says why."""


class KubeError(Exception):
    """An API call failed. `status` is the HTTP status (0: there was no answer), `reason` is Kubernetes'
    machine-readable word, `retry_after` the seconds the server asked us to wait, if it did."""

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Unauthorized(KubeError):
    """401."""


class Forbidden(KubeError):
    """403."""


class NotFound(KubeError):
    """404."""


class Conflict(KubeError):
    """409."""


class AlreadyExists(Conflict):
    """409 with the reason AlreadyExists."""


class Gone(KubeError):
    """410."""


class Invalid(KubeError):
    """The object was refused for what it says."""


class TooManyRequests(KubeError):
    """429."""


class Unavailable(KubeError):
    """The API server could not be asked, or could not answer."""


BY_STATUS: dict[int, type[KubeError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: TooManyRequests,
}


class Status(msgspec.Struct):
    """The part of a `Status` object that we read."""

    message: str = ""
    reason: str = ""
    code: int = 0


def error_of(status: int, body: bytes, headers: Mapping[str, str]) -> KubeError:
    """The error that an HTTP answer of 400 or more stands for."""
    try:
        answer = msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        answer = Status(message=body[:200].decode(errors="replace").strip())
    return error_of_status(status, answer, _seconds(headers.get("Retry-After")))


def error_of_status(status: int, answer: Status, retry_after: float | None = None) -> KubeError:
    """The error that a `Status` object stands for, in an answer or in a watch event."""
    kind = AlreadyExists if answer.reason == "AlreadyExists" else BY_STATUS.get(status, Unavailable)
    message = answer.message or f"the API server answered {status}"
    return kind(message, status=status, reason=answer.reason, retry_after=retry_after)


def _seconds(header: str | None) -> float | None:
    """Retry-After in its form of a number of seconds, the only one that Kubernetes sends (RFC 9110)."""
    return float(header) if header is not None and header.isdecimal() else None
