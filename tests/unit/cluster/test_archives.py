"""Archives: the image of a static program is what containerd expects, and the same every time."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from hack.cluster import archives, settings

TAG = "gagarin.local/pause:1"


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: found.read() for entry in tar if (found := tar.extractfile(entry))}


def test_the_layer_holds_the_program_and_the_config_starts_it() -> None:
    parts = members(archives.static(TAG, "pause", b"\x7fELF"))
    config = json.loads(parts["config.json"])
    assert members(parts["layer.tar"]) == {"pause": b"\x7fELF"}
    assert config["config"] == {"User": "65532:65532", "Entrypoint": ["/pause"]}
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(parts['layer.tar']).hexdigest()}"]
    assert json.loads(parts["manifest.json"])[0]["RepoTags"] == [TAG]


def test_the_same_program_gives_the_same_archive() -> None:
    assert archives.static(TAG, "pause", b"x") == archives.static(TAG, "pause", b"x")


def test_an_archive_is_made_anew_only_for_another_build(tmp_path: Path) -> None:
    values = settings.read({"XDG_CACHE_HOME": str(tmp_path)})
    link = tmp_path / "pause"
    archive = archives.path(values, TAG)
    for build in ("pause-1", "pause-2"):
        (tmp_path / build).write_text(build)
        link.unlink(missing_ok=True)
        link.symlink_to(build)
        archives.ensure_static(values, TAG, link)
        assert members(members(archive.read_bytes())["layer.tar"]) == {"pause": build.encode()}
    made = archive.stat().st_mtime_ns
    archives.ensure_static(values, TAG, link)
    assert archive.stat().st_mtime_ns == made
