"""The local cluster: `python3 hack/cluster COMMAND`, with nothing but Python 3.11. README.md says more.

Answers go to standard output, progress to standard error. Exit status: 0 done, 1 failed, 2 wrong usage,
3 no cluster is possible on this machine.
"""

import argparse
import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hack.cluster import binaries, clusters, images, locks, machine, settings, ways
from hack.cluster.errors import ClusterError
from hack.cluster.settings import MOST_NODES, Settings


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where iproute2 is, which `su` leaves out
    try:
        run(options, settings.read())
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130
    return 0


def run(options: argparse.Namespace, values: Settings) -> None:
    match options.command:
        case "up":
            with _lock(values):
                print(clusters.up(values, options.nodes, options.metrics))
        case "down":
            with _lock(values):
                clusters.down(values, options.purge)
        case "kubeconfig":
            print(clusters.kubeconfig(values, ways.current(values)))
        case "binaries":
            print(binaries.folder(values, options.names or binaries.OURS))
        case "packages":
            with _lock(values):
                machine.install(machine.TEST_NEEDS, values.cache / "apt.log")
        case "image":
            with _lock(values):
                images.make(values, _build(options))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="hack/cluster", description="A real Kubernetes on this machine, for trying and testing."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="make the cluster, or whatever of it is missing")
    up.add_argument(
        "--nodes", type=_count, default=1, metavar="N", help="how many nodes, 1 to 9 (default: 1)"
    )
    up.add_argument("--metrics", action="store_true", help="also a metrics-server, for autoscaling")
    down = commands.add_parser("down", help="end the cluster and leave nothing of it running or mounted")
    down.add_argument("--purge", action="store_true", help="also remove keys and image stores; binaries stay")
    commands.add_parser("kubeconfig", help="print the path of the cluster's kubeconfig")
    programs = commands.add_parser(
        "binaries", help="build what is missing and print the folder of the programs"
    )
    programs.add_argument(
        "names", nargs="*", type=_program, metavar="NAME", help=", ".join(binaries.BINARIES)
    )
    commands.add_parser("packages", help="install what the tests need of Debian's packages, if it is missing")
    image = commands.add_parser("image", help="images for the cluster").add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    _add_build(image.add_parser("build", help="build an image and bring it to every node"))
    return top


def _build(options: argparse.Namespace) -> images.Build:
    dockerfile = options.file or options.context / "Dockerfile"
    return images.Build(options.tag, options.context, dockerfile, tuple(options.build_arg))


def _add_build(build: argparse.ArgumentParser) -> None:
    build.add_argument("tag", metavar="TAG", help="the image's name, as manifests call it")
    build.add_argument("context", metavar="CONTEXT", type=Path, help="the folder that COPY reads from")
    build.add_argument("--file", type=Path, help="the Dockerfile (default: CONTEXT/Dockerfile)")
    build.add_argument("--build-arg", action="append", default=[], metavar="K=V", help="may be repeated")


def _program(text: str) -> str:
    if text not in binaries.BINARIES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(binaries.BINARIES)}")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_NODES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of nodes from 1 to {MOST_NODES}")
    return int(text)


def _lock(values: Settings) -> AbstractContextManager[None]:
    return locks.exclusive(values.cache / "lock", "another run of hack/cluster")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
