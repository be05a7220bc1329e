"""The private key of the test cluster's token issuer: with it an expired token is right in all else."""

from __future__ import annotations

import subprocess
from pathlib import Path

from joserfc.jwk import RSAKey

KIND_KEY = ("docker", "exec", "gagarin-control-plane", "cat", "/etc/kubernetes/pki/sa.key")


def signing_key(kubeconfig: Path) -> RSAKey:
    """The key with which the cluster's API server signs ServiceAccount tokens."""
    file = kubeconfig.parent / "keys" / "tokens.key"
    if file.exists():
        return RSAKey.import_key(file.read_bytes())
    return RSAKey.import_key(subprocess.run(KIND_KEY, capture_output=True, check=True).stdout)
