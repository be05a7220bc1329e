"""A way to an Instance inside a cluster: `kubectl port-forward` as a child process.

kubectl knows the ways through proxies, plugins and tunnels that people have to their clusters; what it says
when it fails is passed on.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gagarin.cli.errors import CommandError
from gagarin.core.objects import Key

_READY = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")
STOP_SECONDS = 5


class Kubectl(NamedTuple):
    """How kubectl is told which cluster is meant."""

    kubeconfig: Path | None = None
    context: str | None = None

    def command(self, *arguments: str) -> list[str]:
        """A command line."""
        config = ("--kubeconfig", str(self.kubeconfig)) if self.kubeconfig else ()
        context = ("--context", self.context) if self.context else ()
        return ["kubectl", *config, *context, *arguments]

    def started(self, arguments: Sequence[str], *, errors: int | None = None) -> subprocess.Popen[str]:
        """It runs, and its output can be read; Ctrl-C is not for it. Raises `CommandError`."""
        try:
            return subprocess.Popen(  # noqa: S603 -- the program is fixed, and no shell reads the arguments
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandError(f"kubectl cannot be run ({error.strerror}); it has to be installed") from error


@contextlib.contextmanager
def forwarded(kubectl: Kubectl, instance: Key, port: int) -> Iterator[int]:
    """The local port that leads to the Service's `port`, while the block runs. Raises `CommandError`."""
    target = ("--namespace", instance.namespace, "port-forward", f"service/{instance.name}", f":{port}")
    child = kubectl.started([*target, "--address", "127.0.0.1"], errors=subprocess.STDOUT)
    try:
        yield _local_port(child, instance)
    finally:
        stop(child)


def stop(child: subprocess.Popen[str]) -> None:
    """Ask it to end, and make it."""
    child.terminate()
    try:
        child.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def _local_port(child: subprocess.Popen[str], instance: Key) -> int:
    said = []
    for line in child.stdout or ():
        if found := _READY.match(line):
            return int(found[1])
        said.append(line.strip())
    raise CommandError(
        f"{instance} cannot be reached: {' '.join(said) or 'kubectl port-forward said nothing'}"
    )
