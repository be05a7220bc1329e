"""`python -m gagarin.cli.dev.attached MODULE ARGUMENTS`: a module, for as long as somebody holds our input.

The processes of `gagarin dev` must not outlive it, also when it is killed and can end nothing any more. What
the kernel does then on every system is to close its end of a pipe: our standard input.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading

ABANDONED = 3


def end_with_input() -> None:
    """End this process at once when its standard input ends."""
    while os.read(0, 1024):
        pass
    os._exit(ABANDONED)


def main() -> None:
    """Becomes the module, with its arguments."""
    threading.Thread(target=end_with_input, name="attached", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
