"""The command line of the laboratory: ``c2c-env COMMAND``, or ``python -m training COMMAND`` in a clone's root."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from types import ModuleType
from typing import NoReturn

from training import interrupts
from training.command_table import ANEW, COMMANDS, GROUPS
from training.program import as_started, program_name

ABOUT = "Compare, watch and train teams whose members talk to each other."
EXAMPLES = """\
examples:
  c2c-env benchmark --quick        a first look, in seconds
  c2c-env list policies            what there is to compare
  c2c-env episode --help           what one episode can show
"""
FORMATTER = argparse.RawDescriptionHelpFormatter  # keeps the examples' lines
CLOSED_PIPE = 141  # what a shell reports of a program whose reader has left, as `head` does


def run_process() -> int:
    """Run the command that this process was started with; return the exit status."""
    interrupts.end_at_once(advice_of(sys.argv[1:]))
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    advice = advice_of(words)
    try:
        with interrupts.raised(advice):
            return run_command(words)
    except KeyboardInterrupt as error:
        number = interrupts.number_of(error)
        print(interrupts.signal_word(number) + advice, file=sys.stderr)
        return 128 + number


def advice_of(words: Sequence[str]) -> str:
    """Say how to go on when the command that the words name is interrupted."""
    command = COMMANDS.get("".join(words[:1]))
    return f"; {command.advice if command else ANEW}"


def run_command(words: Sequence[str]) -> int:
    """Run the command that the words name; what goes wrong is one error on stderr, and an exit status."""
    from agents.registry import close_clients
    from c2c_env.errors import C2CError, WriteError
    from c2c_env.text.names import without_controls

    try:
        args = make_parser(words).parse_args(words)
        status = int(args.run(args))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is for nobody
        return CLOSED_PIPE
    except (C2CError, OSError) as error:  # an OSError is of a library that writes or reads by itself
        interrupts.raise_again()
        print(without_controls(f"error: {error}"), file=sys.stderr)
        return 1 if isinstance(error, OSError | WriteError) else 2
    finally:
        close_clients()


class Parser(argparse.ArgumentParser):
    """A parser whose errors are this project's, of one line, with the nearest valid word where one is unknown."""

    known_options: Sequence[str] = ()  # of the command that is asked for, whose unknown options this parser reports

    def error(self, message: str) -> NoReturn:
        """Raise a `ConfigError`."""
        from c2c_env.errors import ConfigError

        plain = re.sub("^argument (--[a-z-]+): is ", r"\1 is ", message)  # so that it reads as elsewhere
        raise ConfigError(f"{plain}{self._nearest(message)} (see {self.prog} --help)")

    def _nearest(self, message: str) -> str:
        """Name the valid word that is closest to the first one that the parser does not know."""
        from c2c_env.errors import nearest

        flag = re.match(r"unrecognized arguments: (--[^\s=]+)", message)
        word = re.match(r"argument COMMAND: invalid choice: '(.*?)'", message)
        if flag:
            return nearest(flag[1], self.known_options)
        return nearest(word[1], COMMANDS) if word else ""


def make_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command that is asked for is loaded."""
    import c2c_env

    parser = Parser(
        prog=program_name(), usage="%(prog)s [--version] COMMAND ...", epilog=as_started(EXAMPLES),
        description=f"{ABOUT}\n\n{describe_commands()}", formatter_class=FORMATTER,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"c2c-env {c2c_env.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, help=argparse.SUPPRESS, prog=program_name())
    wanted = next((word for word in words if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        about = f"{command.summary[0].upper()}{command.summary[1:]}."
        own = commands.add_parser(name, description=about, formatter_class=FORMATTER)
        if name == wanted:
            module = load_command(name)
            module.add_arguments(own)
            own.epilog = as_started(module.EXAMPLES)
            own.set_defaults(run=module.run)
            parser.known_options = re.findall("--[a-z][a-z-]*", own.format_help())
    return parser


def describe_commands() -> str:
    """List the commands by what they are for."""
    width = max(map(len, COMMANDS))
    lines = []
    for group, commands in GROUPS.items():
        lines.append(f"{group}:")
        lines += [f"  {name:{width}}  {command.summary}" for name, command in commands.items()]
    return "\n".join(lines)


def load_command(name: str) -> ModuleType:
    """The module of a command.

    Raises:
        MissingExtraError: a library that it needs is not installed.
    """
    from c2c_env.errors import needs_extra

    command = COMMANDS[name]
    with needs_extra(name, command.extra) if command.extra else nullcontext():
        return importlib.import_module(f"training.commands.{command.module}")


if __name__ == "__main__":
    sys.exit(run_process())
