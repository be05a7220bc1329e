"""The cluster and the operator of the controller's tests, for the commands that ask a cluster."""

from tests.integration.controller.conftest import proxy, world

__all__ = ["proxy", "world"]
