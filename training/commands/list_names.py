"""The command ``list``: what there is to play, to play with and to train."""

from __future__ import annotations

import argparse

from c2c_env.errors import ConfigError, raise_faults, unknown_name
from training import inventory

LISTS = {
    "policies": inventory.list_policies,
    "workflows": inventory.list_workflows,
    "recipes": inventory.list_recipes,
    "strategies": inventory.list_strategies,
}
EXAMPLES = """\
examples:
  c2c-env list
  c2c-env list policies workflows
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which kinds of names."""
    parser.add_argument("kinds", metavar="KIND", nargs="*", help=f"{', '.join(LISTS)} (default: all)")


def run(args: argparse.Namespace) -> int:
    """Print the names; return the exit status."""
    wrong = [unknown_name("kind", kind, LISTS) for kind in args.kinds if kind not in LISTS]
    raise_faults(ConfigError, "bad arguments", wrong)
    print("\n\n".join(inventory.describe_entries(kind, LISTS[kind]()) for kind in args.kinds or LISTS))
    return 0
