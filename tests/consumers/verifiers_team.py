"""The published verifiers environment: its own tests, in which the library's runner evaluates teams on a rule server.

pip install verifiers==0.4.0 --editable integrations/verifiers
python tests/consumers/verifiers_team.py
"""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    tests = Path(__file__).parents[2] / "integrations" / "verifiers" / "tests"
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", str(tests)]))
