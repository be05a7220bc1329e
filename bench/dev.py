"""The first minutes of somebody new: a wheel of this tree, installed with pip, `gagarin init`, `gagarin dev`.

The wheel and the environment are made beforehand, from the ordinary index; measured is from the start of
`gagarin init` until a chat is answered. Nothing of earlier runs is there: each has a state of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.interpreter import DEBIAN, ROOT
from bench.loadclient import Connection, post
from bench.processes import Process
from bench.results import Measurement

NAME = "dev.first_answer"
Command = list[str | Path]
RUNS = 5
SECRETS = ("OPENAI_API_KEY", "DEFAULT_OPENAI_API_KEY")  # with a key, somebody else's server would be measured


def installed(folder: Path, python: Path) -> Path:
    """The `gagarin` command of a wheel of this tree with the extra `cli`, in a new environment there. Raises
    `subprocess.CalledProcessError`."""
    build: Command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True, capture_output=True)
    pip: Command = [
        folder / "venv/bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, f"{wheel}[cli]"], check=True, capture_output=True)
    return folder / "venv/bin/gagarin"


def first_answer(gagarin: Path, folder: Path) -> tuple[float, str]:
    """Seconds from nothing to the first answer, and the answer. `folder` is empty."""
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    environment |= {"XDG_STATE_HOME": str(folder / "state"), "PYTHONPATH": ""}
    begun = time.perf_counter()
    init: Command = [gagarin, "init", folder / "agent"]
    subprocess.run(init, check=True, capture_output=True, env=environment)
    command: Command = [gagarin, "dev", "-f", folder / "agent", "--port", "0", "--output", "json"]
    with Process(command, folder / "log", environment, _ready) as dev:
        token = Path(dev.ready["token_file"]).read_text()
        with Connection(int(dev.ready["url"].rpartition(":")[2])) as connection:
            answer = connection.document(post("/chat", {"input": "Hello"}, token))
            return time.perf_counter() - begun, str(answer["answer"])


def dev() -> Iterator[Measurement]:
    """The median of some runs; null and the reason, where nothing could be installed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            gagarin = installed(Path(folder), DEBIAN if DEBIAN.exists() else Path(sys.executable))
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip()[-300:]
            yield Measurement(name=NAME, value=None, unit="s", note=f"not installed: {said}")
            return
        seconds = []
        for number in range(RUNS):
            empty = Path(folder) / str(number)
            empty.mkdir()
            seconds.append(first_answer(gagarin, empty)[0])
        note = f"the first of {RUNS}: {seconds[0]:.2f} s"
        yield Measurement(name=NAME, value=median(seconds), unit="s", note=note)


def _ready(text: str) -> dict[str, str] | None:
    for line in text.splitlines(keepends=True):
        if line.endswith("\n") and (event := json.loads(line))["event"] == "ready":
            return dict(event)
    return None
