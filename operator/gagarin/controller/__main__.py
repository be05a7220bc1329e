"""`python3 -m gagarin.controller`."""

from __future__ import annotations

import sys

from gagarin.controller.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
