"""Runs the command line of the package."""

import sys

from c2c_env.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
