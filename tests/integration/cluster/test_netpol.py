"""The NetworkPolicy enforcer of the local cluster: its own tests, in Go, with the real nft as root."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from hack.cluster import settings
from hack.cluster.binaries import BUILD_ENV


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")
@pytest.mark.parametrize("command", ["vet", "test"])
def test_the_rules_are_what_policies_say(command: str) -> None:
    folder = settings.SOURCE / "go" / "netpol"
    env = {**os.environ, **BUILD_ENV, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(
        ["go", command, "./..."], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
