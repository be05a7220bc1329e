"""x"""

from pathlib import Path

from hack.cluster.settings import Settings


def build(settings: Settings, tag: str, context: Path, file: Path | None, arguments: list[str]) -> None: ...
