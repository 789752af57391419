"""Which commands the command line has, and what each needs; this imports nothing of the project."""

from __future__ import annotations

from dataclasses import dataclass

ANEW = "the same command begins anew"


@dataclass(frozen=True)
class Command:
    """A command of the command line.

    Attributes:
        module: below `training.commands`.
        summary: what it does, in a line.
        extra: that brings what it needs; "" if the bare package will do.
        advice: how to go on after an interruption.
    """

    module: str
    summary: str
    extra: str = "bench"
    advice: str = ANEW


_BENCHMARK = "the same command goes on from here"
_TRAIN = "the same command with --resume goes on from the last checkpoint"
_GAME = "the game is over, and nothing of it was kept; the same command begins a new one"
_TUNE = "the same command begins with the rules that are written"

GROUPS: dict[str, dict[str, Command]] = {
    "compare": {
        "benchmark": Command(
            "benchmarks.benchmark", "compare policies: table, results.csv and figures", advice=_BENCHMARK
        ),
        "results": Command("benchmarks.list_runs", "list the benchmarks that were run, and where their results are"),
        "compare": Command(
            "benchmarks.compare",
            "report a benchmark: interquartile means, probabilities of improvement, profiles",
            "report",
        ),
        "protocol": Command(
            "benchmarks.protocol", "list and show the published protocols, by which numbers are reported"
        ),
        "submit": Command("benchmarks.submit", "make the run of a protocol a submission that others can verify"),
        "verify": Command("benchmarks.verify", "check a submission by simulating every episode of it again"),
        "leaderboard": Command("benchmarks.leaderboard_page", "write the table of verified submissions"),
    },
    "watch": {
        "episode": Command("episodes.episode", "watch a policy play one episode"),
        "replay": Command("episodes.replay", "watch an episode again, or two on one clock: a page, a film, or words"),
        "export": Command("episodes.export_episodes", "make tables of recorded episodes: steps and messages"),
        "play": Command(
            "episodes.play_seat", "play one agent of a team yourself, in a browser or a terminal", "play", _GAME
        ),
        "attribute": Command("episodes.attribute", "work out what each message of a recorded episode was worth"),
    },
    "train": {
        "train": Command("learning.train", "train a team by a recipe, or several side by side", "train", _TRAIN),
        "curves": Command("learning.curves", "draw learning curves of training runs"),
        "credits": Command(
            "learning.credits", "show how well each credit tells what a team's messages are worth", "train"
        ),
        "content": Command(
            "learning.content", "show what the symbols of a learned team mean, and what they do", "train"
        ),
        "dataset": Command("learning.dataset", "write what a teacher does, to fine-tune a language model with", "llm"),
        "clone": Command("learning.clone", "train a small language model on what a teacher does", "local", _BENCHMARK),
        "tune_oracle": Command(
            "learning.tune_oracle", "tune the oracle's rule on training workflows (an hour)", "train", _TUNE
        ),
    },
    "make workflows": {
        "import": Command(
            "workflows.import_graph", "make a workflow of a task graph: PSPLIB, WfCommons, Actions, CSV", ""
        ),
        "decompose": Command("workflows.decompose", "have a language model turn a brief into a workflow", "llm"),
    },
    "find out": {
        "list": Command("list_names", "list policies, workflows, recipes and strategies, with what each needs", ""),
        "throughput": Command("throughput", "measure how fast the environment is on this machine, beside others"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}
