"""Which API keys are taken: any, the ones given at start, or those in a file that is read at each request.

A file that cannot be read refuses everybody: a key check never falls open.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gagarin.stub.errors import ApiError


class Keys(NamedTuple):
    """The keys asked for. Without `keys` and `file`, any request is taken."""

    keys: frozenset[str] = frozenset()
    file: Path | None = None

    def check(self, key: str) -> None:
        """Raises `ApiError` 401 as OpenAI does when the key is not one of ours."""
        if not self.keys and self.file is None:
            return
        if key not in self.keys | self._in_file():
            message = "Incorrect API key provided." if key else "You didn't provide an API key."
            raise ApiError(401, message, code="invalid_api_key")

    def _in_file(self) -> frozenset[str]:
        if self.file is None:
            return frozenset()
        try:
            return parse(self.file.read_text())
        except (OSError, ValueError) as error:
            raise ApiError(
                500, f"The file with the keys cannot be read: {error}", kind="server_error"
            ) from error


def parse(text: str) -> frozenset[str]:
    """Keys between commas or white space."""
    return frozenset(text.replace(",", " ").split())
