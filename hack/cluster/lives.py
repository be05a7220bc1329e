"""Which process a pid file means: a pid alone may belong to a stranger after a crash or a reboot."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hack.cluster.processes import wait_until

BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Life:
    """One process of this boot of the machine, told apart from later ones with its pid by when it started."""

    pid: int
    began: str  # clock ticks since boot, field 22 of /proc/PID/stat
    boot: str

    @classmethod
    def of_caller(cls) -> Self:
        """The calling process, with the pid that it has in the namespace /proc belongs to."""
        pid = int(str(Path("/proc/self").readlink()))
        return cls(pid, _stat(pid)[19], BOOT.read_text().strip())

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """What `write` wrote; None when there is nothing, or only a part of it."""
        try:
            pid, began, boot = file.read_text().split()
        except (OSError, ValueError):
            return None
        return cls(int(pid), began, boot)

    def write(self, file: Path) -> None:
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{self.pid} {self.began} {self.boot}\n")
        fresh.replace(file)

    def goes_on(self) -> bool:
        if self.boot != BOOT.read_text().strip():
            return False
        try:
            stat = _stat(self.pid)
        except OSError:
            return False
        return stat[19] == self.began and stat[0] not in {"Z", "X"}

    def end(self) -> None:
        """Kill it and wait until it, and with it everything in its PID namespace, is gone."""
        if self.goes_on():
            os.kill(self.pid, signal.SIGKILL)
        wait_until(lambda: not self.goes_on(), f"the end of process {self.pid}", seconds=30, interval=0.01)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may itself hold blanks and brackets."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
