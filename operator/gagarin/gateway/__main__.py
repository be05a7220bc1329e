"""`python3 -m gagarin.gateway`."""

import sys

from gagarin.gateway.main import main

sys.exit(main(sys.argv[1:]))
