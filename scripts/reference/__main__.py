"""Write the pages of docs/reference, or with --check compare them with what they are made of."""

from __future__ import annotations

import argparse
import json
import sys

from scripts.reference import chartvalues, commandline, conditions, httpapi, resources, services, vendors
from scripts.reference.markdown import ROOT

FOLDER = ROOT / "docs/reference"
CHAT = """\
# The chat API, in full

Every route of a chat server, made of the description that it answers itself at `/openapi.json`. [The chat
API](../chat-api.md) explains it; [the document](chat-api.openapi.json) is for programs. `NAME` stands for the
Instance.
"""
GATEWAY = """\
# The gateway's API, in full

Every route of the gateway, made of the description that it answers itself at `/openapi.json`. [The
gateway](../gateway.md) explains it; [the document](gateway-api.openapi.json) is for programs. All routes but
the open ones are there a second time below `/ns/{namespace}`, for that namespace.
"""


def files() -> dict[str, str]:
    """File names in docs/reference, and their contents."""
    chat, gateway = services.chat_server(), services.gateway()
    return {
        "resources.md": resources.page(),
        "vendors.md": vendors.page(),
        "conditions.md": conditions.page(),
        "commands.md": commandline.page(),
        "chart-values.md": chartvalues.page(),
        "chat-api.md": httpapi.page(CHAT, chat),
        "chat-api.openapi.json": json.dumps(chat, indent=1) + "\n",
        "gateway-api.md": httpapi.page(GATEWAY, gateway, skip="/ns/"),
        "gateway-api.openapi.json": json.dumps(gateway, indent=1) + "\n",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when out of step")
    made = {FOLDER / name: text for name, text in files().items()}
    if not parser.parse_args().check:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is out of step: run scripts/generate", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
