"""What can go wrong, as a user reads it.

ClusterError            something failed; the message says what and where to look (exit status 1)
├── CommandError        a program of the system failed; carries the end of what it printed
└── NoWayError          no kind of cluster is possible on this machine (exit status 3)
"""


class ClusterError(Exception):
    """The message is all that a user sees: no stack trace follows it."""

    status = 1


class CommandError(ClusterError):
    """A program ended with a non-zero status."""


class NoWayError(ClusterError):
    """Neither Docker nor a node of our own: callers may go on without a cluster."""

    status = 3
