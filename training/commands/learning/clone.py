"""The command ``clone``: train a small language model on the examples of a teacher."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from training.arguments import output_folder, positive, whole

EXAMPLES = """\
examples:
  c2c-env dataset --teacher proactive --strategy terse --disturbed 0.1 --tiers simple --episodes 400 -o lessons.jsonl.gz
  c2c-env clone lessons.jsonl.gz -o my-model
  c2c-env benchmark --policies no_communication,prompted:terse@my-model --llm backend=transformers answer_format=text

The same command goes on where it was interrupted. The last episodes of the files are held out: what share of their
answers is right stands in curve.csv. How such a model plays: docs/prompted.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="that dataset wrote, with --strategy terse")
    add("-o", "--out", required=True, metavar="FOLDER", help="of the model")
    add("--updates", type=whole(1, 10**7), default=2000, help="of the weights (default: %(default)s)")
    add("--batch-size", type=whole(3, 10**6), default=48, help="lessons an update (default: %(default)s)")
    add("--learning-rate", type=positive(1), default=1.5e-3, help="default: %(default)s")
    add("--width", type=whole(8, 8192), default=128, help="of the network, a multiple of 8 (default: %(default)s)")
    add("--layers", type=whole(1, 128), default=4, help="of the network (default: %(default)s)")
    add("--held-out", type=whole(1, 10**6), default=20, help="episodes (default: %(default)s)")
    add("--seed", type=whole(0), default=1, help="of weights and batches (default: %(default)s)")
    add("--threads", type=whole(1, 256), default=1, help="of torch (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Train to the end; return the exit status."""
    import torch

    from training.language_model.cloning import CloneSettings, Cloning
    from training.language_model.lessons import read_lessons

    torch.set_num_threads(args.threads)
    given = {field.name: vars(args)[field.name] for field in fields(CloneSettings) if field.name in vars(args)}
    cloning = Cloning(read_lessons(args.files), CloneSettings(**given), output_folder(args.out))
    cloning.train(Console(stderr=True, highlight=False))
    right = ", ".join(
        f"{name.removeprefix('right_')} {100 * share:.1f} %"
        for name, share in cloning.curve[-1].items()
        if name.startswith("right_")
    )
    print(f"{args.out}: {cloning.network.num_parameters():,} weights; right on held-out lessons: {right}")
    return 0
