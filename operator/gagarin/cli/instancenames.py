"""Which Instance a command is about. What cannot be its name is told at once: nothing is asked of a cluster,
and no token is made, for a name that no Instance can have."""

from __future__ import annotations

import re

from gagarin.api.fields import LABEL, NAME
from gagarin.cli.errors import CommandError
from gagarin.core.objects import Key


def instance_key(namespace: str, name: str) -> Key:
    """The Instance. Raises `CommandError`."""
    if not re.fullmatch(NAME, name):
        raise CommandError(
            f"{name!r} is no name of an Instance: they have small letters, digits and -, at most 52, and "
            "begin with a letter; `gagarin status` lists those that there are"
        )
    if len(namespace) > 63 or not re.fullmatch(LABEL, namespace):
        raise CommandError(f"{namespace!r} is no name of a namespace: `kubectl get namespaces` lists them")
    return Key("Instance", namespace, name)
