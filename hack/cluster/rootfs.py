"""A small Python base image made of Debian 12's own packages, for machines that reach no registry.

The packages are unpacked as they are: no package manager, no documentation, no locales inside. What it offers
is what the slim images do that `ARG BASE` names elsewhere: python3, pip, CA certificates.
"""

import shutil
from pathlib import Path
from shlex import quote

from hack.cluster.errors import CommandError
from hack.cluster.processes import run

PACKAGES = """
base-files base-passwd ca-certificates coreutils dash grep libacl1 libattr1 libbz2-1.0 libc-bin libc6
libcrypt1 libdb5.3 libexpat1 libffi8 libgcc-s1 libgmp10 liblzma5 libncursesw6 libpcre2-8-0
libpython3.11-minimal libpython3.11-stdlib libreadline8 libselinux1 libsqlite3-0 libssl3 libstdc++6
libtinfo6 libuuid1 media-types netbase python3-distutils python3-lib2to3 python3-pip-whl python3.11
python3.11-minimal sed tzdata zlib1g
"""
LEFT_OUT = ("bug", "doc", "doc-base", "lintian", "locale", "man")
USELESS = (
    *(f"usr/lib/python3.11/{name}" for name in ("test", "idlelib", "tkinter", "turtledemo", "pydoc_data")),
    *(f"usr/share/{name}" for name in ("applications", "menu", "pixmaps", "python-wheels")),
    "usr/lib/python3.11/EXTERNALLY-MANAGED",
    "usr/lib/python3.11/lib2to3",
    "usr/share/bash-completion",
    "usr/share/zoneinfo/posix",
    "usr/share/zoneinfo/right",
)
SITE = "usr/local/lib/python3.11/dist-packages"
NOBODY = {"passwd": "nonroot:x:65532:65532::/tmp:/usr/sbin/nologin\n", "group": "nonroot:x:65532:\n"}
PIP = '#!/bin/sh\nexec /usr/bin/python3 -m pip "$@"\n'
CHECK = "import asyncio, bz2, ctypes, lzma, pip, readline, sqlite3, ssl, uuid, venv, zoneinfo"


def make(root: Path, packages: Path) -> None:
    """Fill the empty folder `root`; `packages` keeps what was downloaded."""
    archives = download(packages)
    merge_usr(root)
    for archive in archives:
        unpack(archive, root)
    complete(root)
    add_certificates(root)
    add_pip(root)
    for name in USELESS:
        _remove(root / name)
    precompile(root)


def download(folder: Path) -> list[Path]:
    """The package files, fetched when missing, in the order of PACKAGES."""
    folder.mkdir(parents=True, exist_ok=True)
    names = PACKAGES.split()
    missing = [name for name in names if not list(folder.glob(f"{name}_*.deb"))]
    if missing:
        try:
            run("apt-get", "download", "-q", *missing, cwd=folder)
        except CommandError:  # the lists are missing, or older than the archive
            run("apt-get", "update", "-q")
            run("apt-get", "download", "-q", *missing, cwd=folder)
    return [max(folder.glob(f"{name}_*.deb")) for name in names]


def merge_usr(root: Path) -> None:
    """/bin and its like are links into /usr, as Debian has them."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")


def unpack(archive: Path, root: Path) -> None:
    left_out = " ".join(f"--exclude=./usr/share/{name}" for name in LEFT_OUT)
    extract = f"tar -C {quote(str(root))} -x --keep-directory-symlink --exclude=*/gconv {left_out}"
    run("bash", "-c", f"set -o pipefail; dpkg-deb --fsys-tarfile {quote(str(archive))} | {extract}")


def complete(root: Path) -> None:
    """What the packages' own installation scripts would do."""
    for name in ("dev", "proc", "root", "run", "sys", "tmp", "usr/local/bin"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for name, line in NOBODY.items():
        master = root / "usr/share/base-passwd" / f"{name}.master"
        (root / "etc" / name).write_text(master.read_text() + line)
    for link, target in {"sh": "dash", "python3": "python3.11", "python": "python3.11"}.items():
        (root / "usr/bin" / link).unlink(missing_ok=True)
        (root / "usr/bin" / link).symlink_to(target)


def add_certificates(root: Path) -> None:
    """Debian's CA certificates as one bundle and as a folder by hashes; none of this machine's own."""
    folder, defaults = root / "etc/ssl/certs", root / "usr/lib/ssl"
    folder.mkdir(parents=True, exist_ok=True)
    defaults.mkdir()
    (defaults / "certs").symlink_to("/etc/ssl/certs")  # where the library looks
    bundle = folder / "ca-certificates.crt"
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle.write_text("".join(certificate.read_text() for certificate in certificates))
    for certificate in certificates:
        shutil.copy(certificate, folder / f"{certificate.stem}.pem")
    run("openssl", "rehash", folder)


def add_pip(root: Path) -> None:
    (wheel,) = (root / "usr/share/python-wheels").glob("pip-*.whl")
    shutil.unpack_archive(wheel, root / SITE, format="zip")
    command = root / "usr/local/bin/pip"
    command.write_text(PIP)
    command.chmod(0o755)


def precompile(root: Path) -> None:
    """Bytecode without times in it, then a look whether everything that links to a library finds it."""
    compiled = ("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
    run("chroot", root, "python3", *compiled, "/usr/lib/python3.11", f"/{SITE}")
    run("chroot", root, "python3", "-B", "-c", CHECK)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
