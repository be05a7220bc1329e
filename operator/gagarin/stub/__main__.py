"""`python3 -m gagarin.stub` runs the stub model server."""

import sys

from gagarin.stub.main import main

sys.exit(main(sys.argv[1:]))
