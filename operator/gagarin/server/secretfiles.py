"""The values of Secrets, as files that the kubelet replaces when a Secret changes.

A value is read again whenever its file is another one than before, so that a rotated key is used by the next
call and nothing restarts. Values never leave this module except as headers of a request.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from gagarin.server.errors import SecretUnreadable

_Stamp = tuple[int, int, int]


class _Value(NamedTuple):
    stamp: _Stamp
    text: str


class SecretFiles:
    """Reads files below one folder. `stat` on each use costs microseconds and needs no watcher."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values: dict[str, _Value] = {}

    def read(self, name: str, *, again: bool = False) -> str:
        """The value in the file `name`, without white space around it. Raises `SecretUnreadable`.

        `again` reads even if the file looks unchanged (a file system may be coarse about times).
        """
        path = os.path.join(self._folder, name)  # noqa: PTH118  # on every chat; building a Path costs more
        try:
            status = os.stat(path)  # noqa: PTH116  # as above
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            known = self._values.get(name)
            if known is None or again or known.stamp != stamp:
                known = self._values[name] = _Value(stamp, Path(path).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SecretUnreadable(f"secret file {name} cannot be read: {reason}") from error
        return known.text
