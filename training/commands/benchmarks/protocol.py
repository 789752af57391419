"""The command ``protocol``: which evaluations numbers are published by."""

from __future__ import annotations

import argparse

from rich.console import Console

from c2c_env.errors import ConfigError
from training.benchmark.protocol import PROTOCOLS, find_protocol
from training.benchmark.protocol.pinning import check_pin, write_pin
from training.benchmark.protocol.protocol_tables import list_protocols, show_protocol
from training.benchmark.tables import REPORT_WIDTH

EXAMPLES = """\
examples:
  c2c-env protocol                            the list
  c2c-env protocol c2c-generated-v2           all that it prescribes, with digests
  c2c-env protocol --check                    does this machine play what was published?
  c2c-env benchmark --protocol c2c-generated-v2 --policies proactive,learned
  c2c-env benchmark --protocol c2c-partners-v1 --policies learned --split validation

Exit status: 0 all as published, 2 wrong arguments, or what is played has changed (named).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("protocol", metavar="ID", nargs="?", help="show this one (default: a list of all)")
    add(
        "--check", action="store_true",
        help="compute all that is pinned again, some exact results included, and name what has changed",
    )  # fmt: skip
    add("--pin", action="store_true", help="write the pin of a new protocol; a pin that differs is never replaced")


def run(args: argparse.Namespace) -> int:
    """Show, check or pin; return the exit status."""
    console = Console(width=REPORT_WIDTH)
    unicode = console.encoding == "utf-8"
    if args.pin and args.protocol is None:
        raise ConfigError(f"--pin needs an ID (valid: {', '.join(PROTOCOLS)})")
    chosen = [find_protocol(args.protocol)] if args.protocol else list(PROTOCOLS.values())
    if args.pin:
        console.print(f"{chosen[0].id} is pinned in {write_pin(chosen[0])}", highlight=False, soft_wrap=True)
    if args.check:
        for protocol in chosen:
            if not protocol.retired:
                check_pin(protocol)
                console.print(f"{protocol.id}: as published", highlight=False)
    if not (args.pin or args.check):
        shown = show_protocol(chosen[0], unicode) if args.protocol else list_protocols(chosen, unicode)
        console.print(shown, highlight=False)
    return 0
