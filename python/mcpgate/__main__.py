"""Start the command line with `python -m mcpgate`."""

import sys

from mcpgate.cli.main import main

sys.exit(main())
