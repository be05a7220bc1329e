"""`python3 -m gagarin.server`."""

import sys

from gagarin.server.main import main

sys.exit(main(sys.argv[1:]))
