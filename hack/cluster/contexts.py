"""What a build's result depends on, as one digest: the Dockerfile, its arguments, the files it may copy.

Which files those are is what .dockerignore says, by Docker's rules: the last pattern that matches decides,
`!` takes a file back in, `*` does not cross a slash, `**` does, a folder's pattern holds for what is in it.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path


def digest(context: Path, dockerfile: Path, arguments: Iterable[str]) -> str:
    """The same value means the same build, up to what the base image and the package index change to."""
    hasher = hashlib.sha256(repr(list(arguments)).encode())
    hasher.update(dockerfile.read_bytes())
    for name in sorted(files(context)):
        path = context / name
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        hasher.update(repr((name, os.access(path, os.X_OK), len(content))).encode())
        hasher.update(content)
    return hasher.hexdigest()


def files(context: Path) -> Iterator[str]:
    """The context's files, relative to it, without those that .dockerignore leaves out."""
    ignored = context / ".dockerignore"
    patterns = parse(ignored.read_text()) if ignored.exists() else []
    returns = any(keeps for keeps, _ in patterns)
    for folder, folders, names in os.walk(context):
        top = Path(folder).relative_to(context)
        if not returns:  # no pattern takes anything back in, so an ignored folder need not be entered
            folders[:] = [name for name in folders if not is_ignored(str(top / name), patterns)]
        yield from (str(top / name) for name in names if not is_ignored(str(top / name), patterns))


def parse(text: str) -> list[tuple[bool, re.Pattern[str]]]:
    """The patterns of a .dockerignore in order: (whether it takes files back in, what it matches)."""
    lines = [line.strip() for line in text.splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    return [(line.startswith("!"), _compiled(line.removeprefix("!").strip("/"))) for line in wanted]


def is_ignored(name: str, patterns: Iterable[tuple[bool, re.Pattern[str]]]) -> bool:
    ignored = False
    for keeps, pattern in patterns:
        if pattern.fullmatch(name):
            ignored = not keeps
    return ignored


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meanings.get(part, re.escape(part)) for part in parts) + "(?:/.*)?")
