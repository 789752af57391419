"""The laboratory's command line: ``python -m training COMMAND``."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from training import interrupts

COMMANDS = {
    "benchmark": "compare policies: table, results.csv and figures",
    "protocol": "list and show the published protocols, by which numbers are reported",
    "compare": "report a benchmark's results: interquartile means, probabilities of improvement, profiles",
    "episode": "watch a policy play one episode",
    "decompose": "have a language model turn a plain-text brief into a workflow file",
    "replay": "play a prompted team's transcript again without a model, and check every bit of it",
    "train": "train a team by a recipe, or several side by side",
    "credits": "show how well each credit tells what a learned team's messages are worth",
    "content": "show what the symbols of a learned team mean, and whether they are acted on",
    "curves": "draw learning curves of training runs",
    "tune_oracle": "tune the oracle's rule on training workflows (an hour), see agents/oracle",
    "throughput": "measure how fast the environment is on this machine, beside others",
}
EXAMPLES = {
    "": """\
examples:
  python -m training benchmark --quick                   a first look, in seconds
  python -m training benchmark                           everything, in minutes
  python -m training episode --help                      what one episode can show
""",
    "benchmark": """\
examples:
  python -m training benchmark --quick
  python -m training benchmark --policies no_communication,cost_aware --workflows complex --seeds 16
  python -m training benchmark --workflows csv-import-tool,my/workflow.toml --team-sizes 3,5
  python -m training benchmark --workflows none --generated 64 --out results/generated
  python -m training benchmark --workflows real --team-sizes 5       task graphs that people have
  python -m training benchmark --protocol c2c-generated-v1 --policies proactive,learned
  python -m training benchmark --ray auto                on the Ray cluster that this machine belongs to
  python -m training benchmark --policies cost_aware,prompted:c2c@MODEL --llm budget_tokens=2000000
  python -m training benchmark --config dt=0.25 chat.richness=0.6 relations=index --out results/richer-chat

It may be interrupted at any moment; the same command then does what is missing and nothing else.
Exit status: 0 all finished, 1 some cells or episodes failed (named at the end), 2 wrong arguments or no cluster,
130 interrupted, 143 terminated.
""",
    "protocol": """\
examples:
  python -m training protocol                            the list
  python -m training protocol c2c-generated-v1           all that it prescribes, with digests
  python -m training protocol --check                    does this machine play what was published?
  python -m training benchmark --protocol c2c-generated-v1 --policies proactive,learned
  python -m training benchmark --protocol c2c-partners-v1 --policies learned --split validation

Exit status: 0 all as published, 2 wrong arguments, or what is played has changed (named).
""",
    "compare": """\
examples:
  python -m training benchmark --policies no_communication,proactive,learned
  python -m training compare
  python -m training compare results/generated --against cost_aware --resamples 10000

Exit status: 0 all compared, 1 some episodes had failed (named below the tables), 2 wrong arguments or no such results.
""",
    "train": """\
examples:
  python -m training train team                          the recipe of the shipped policy
  python -m training train my/recipe.toml --seed 2
  python -m training train team --seeds 1,2,3 --workers 2
  python -m training train team,my/recipe.toml --seeds 1,2,3 --ray HOST:PORT
  python -m training train team --resume                 go on where it was interrupted
  python -m training benchmark --policies no_communication,learned:results/train/team/seed-1/policy.onnx

A checkpoint is written every few minutes; a run that goes on from one ends with the same weights as one that was never
interrupted (same machine, same number of threads). Scalars for TensorBoard lie in OUT/tensorboard.
""",
    "curves": """\
examples:
  python -m training train scratch --seeds 1,2,3         curve_workflows in a recipe has validation workflows played
  python -m training curves results/train/scratch -o curves.pdf
  python -m training curves results/train/scratch results/train/mine --scalars simple-5/reduction,simple-5/talk
""",
    "credits": """\
examples:
  python -m training credits results/train/scratch/seed-1/policy.safetensors
  python -m training credits early.safetensors late.safetensors --groups simple:5 --messages 500 -o credits.csv
""",
    "content": """\
examples:
  python -m training content results/train/communication/attention/seed-1/policy.safetensors
""",
    "throughput": """\
examples:
  python -m training throughput --quick --peers none
  python -m training throughput                          own rows, and peers that are installed here; some minutes
  python -m training throughput --peers-python ../venv-peers/bin/python ../venv-jaxmarl/bin/python
  python -m training throughput --growth                 teams of 5 to 256 agents, workflows of 8 to 128 subtasks
  python -m training throughput --startup                import, compile, start
  python -m training throughput --gpu --team-size 8      the batch on a CUDA device (extra cuda)

training/throughput/peer_loops.py tells how peers are installed; one that is not is named and left out.
Exit status: 0 everything measured or not installed, 1 some rows failed, 2 wrong arguments, 130 interrupted,
143 terminated.
""",
}
EXTRAS = {"compare": "report", "decompose": "llm", "replay": "llm", "train": "train", "tune_oracle": "train"}
RESUMES = {
    "benchmark": "; the same command goes on from here",
    "train": "; the same command with --resume goes on from the last checkpoint",
    "tune_oracle": "; the same command begins with the rules that are written",
}
ANEW = "; the same command begins anew"
FORMATTER = argparse.RawDescriptionHelpFormatter  # keeps the examples' lines


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    advice = RESUMES.get("".join(words[:1]), ANEW)
    try:
        with interrupts.raised(advice):
            return run_command(words)
    except KeyboardInterrupt as error:
        number = interrupts.number_of(error)
        print(interrupts.signal_word(number) + advice, file=sys.stderr)
        return 128 + number


def run_command(words: Sequence[str]) -> int:
    """Run the command that the words name; what goes wrong is one error on stderr, and an exit status."""
    from agents.registry import close_clients
    from c2c_env.errors import C2CError, WriteError
    from c2c_env.text.names import without_controls

    try:
        args = make_parser(words).parse_args(words)
        return int(args.run(args))
    except (C2CError, OSError) as error:  # an OSError is of a library that writes or reads by itself
        interrupts.raise_again()
        print(without_controls(f"error: {error}"), file=sys.stderr)
        return 1 if isinstance(error, OSError | WriteError) else 2
    finally:
        close_clients()


class Parser(argparse.ArgumentParser):
    """A parser whose errors are this project's, of one line."""

    def error(self, message: str) -> NoReturn:
        """Raise a `ConfigError`."""
        from c2c_env.errors import ConfigError

        plain = re.sub("^argument (--[a-z-]+): is ", r"\1 is ", message)  # so that it reads as elsewhere
        raise ConfigError(f"{plain} (see {self.prog} --help)")


def make_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command that is asked for is loaded."""
    parser = Parser(prog="python -m training", description=__doc__, epilog=EXAMPLES[""], formatter_class=FORMATTER)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    wanted = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        own = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=EXAMPLES.get(name), formatter_class=FORMATTER,
        )  # fmt: skip
        if name == wanted:
            module = load_command(name)
            module.add_arguments(own)
            own.set_defaults(run=module.run)
    return parser


def load_command(name: str) -> ModuleType:
    """The module of a command.

    Raises:
        MissingExtraError: a library that it needs is not installed.
    """
    try:
        return importlib.import_module(f"training.commands.{name}")
    except ModuleNotFoundError as error:
        from c2c_env.errors import MissingExtraError

        extra = EXTRAS.get(name, "bench")
        raise MissingExtraError(
            f"{name} needs {error.name}, which is not installed; install the extra: pip install -e '.[{extra}]'"
        ) from error


if __name__ == "__main__":
    interrupts.end_at_once(RESUMES.get("".join(sys.argv[1:2]), ANEW))
    sys.exit(main())
