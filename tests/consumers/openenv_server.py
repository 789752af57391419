"""The published OpenEnv server: its own tests, in which clients play on a server on loopback.

pip install openenv==0.10.0 --editable integrations/openenv
python tests/consumers/openenv_server.py
"""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    tests = Path(__file__).parents[2] / "integrations" / "openenv" / "tests"
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", str(tests)]))
