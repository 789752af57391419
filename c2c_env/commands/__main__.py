"""The command line of the package: ``c2c-env COMMAND``, or ``python -m c2c_env.commands COMMAND``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from c2c_env.errors import C2CError, ConfigError
from c2c_env.text.names import without_controls

SUMMARIES = {"import": "make a workflow of a task graph that you have: PSPLIB, WfCommons, GitHub Actions or CSV"}
_MODULES = {"import": "import_command"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; what goes wrong is one error on stderr and an exit status: 1 if the system refuses, else 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(words).parse_args(words)
        return int(args.run(args))
    except (C2CError, OSError) as error:
        print(without_controls(f"error: {error}"), file=sys.stderr)
        return 1 if isinstance(error, OSError) else 2


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are this project's, of one line."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message} (see {self.prog} --help)")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command that is asked for is loaded."""
    parser = _Parser(prog="c2c-env", description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in SUMMARIES.items():
        own = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in words[:1]:
            module = importlib.import_module(f"c2c_env.commands.{_MODULES[name]}")
            module.add_arguments(own)
            own.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
