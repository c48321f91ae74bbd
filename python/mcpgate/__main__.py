"""Start the command line with `python -m mcpgate`."""

import sys

from mcpgate.cli.entry import main

sys.exit(main())
