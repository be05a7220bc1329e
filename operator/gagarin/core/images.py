"""Names of container images: what a short one stands for, whether it is below a prefix, where its mirror is.

Sources: the reference grammar of the OCI distribution specification, and the defaults that container runtimes
share with Docker (`docker.io`, `library/`).
"""

from __future__ import annotations

from collections.abc import Iterable

_ENDS = ("/", ":", "@")


def qualified(image: str) -> str:
    """The name with its registry: `python:3` stands for `docker.io/library/python:3`."""
    first, _, rest = image.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return image  # a repository has no capitals, so that what has some is a host
    return f"docker.io/{image}" if rest else f"docker.io/library/{image}"


def is_below(image: str, prefix: str) -> bool:
    """Whether a qualified name is the prefix or goes on from it at the end of a part, never inside one:
    `ghcr.io/team` has `ghcr.io/team/tool:1` below it, and not `ghcr.io/team-x/tool`."""
    if not image.startswith(prefix):
        return False
    rest = image[len(prefix) :]
    return not rest or prefix.endswith(_ENDS) or rest.startswith(_ENDS)


def is_allowed(image: str, prefixes: Iterable[str]) -> bool:
    """Whether an image, however short its name, is below one of the prefixes."""
    name = qualified(image)
    return any(is_below(name, prefix) for prefix in prefixes)


def mirrored(image: str, mirrors: Iterable[tuple[str, str]]) -> str:
    """The image at its mirror: of the (prefix, replacement) pairs that fit, the longest prefix decides."""
    name = qualified(image)
    fitting = [pair for pair in mirrors if is_below(name, pair[0])]
    if not fitting:
        return image
    prefix, replacement = max(fitting, key=lambda pair: len(pair[0]))
    return replacement + name[len(prefix) :]
