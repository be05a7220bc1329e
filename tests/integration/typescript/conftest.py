"""A chat server process, its API server and its provider."""

from tests.integration.server.conftest import api, start, upstream

__all__ = ["api", "start", "upstream"]
