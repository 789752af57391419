"""The command ``train``: train a team by a recipe."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from training.arguments import LARGEST_SEED, whole
from training.learning.ranges import MOST_THREADS
from training.learning.recipe import load_recipe, shipped_recipes
from training.learning.run import Training, check_device, sole_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("recipe", metavar="RECIPE", help=f"name ({', '.join(shipped_recipes())}) or path of a TOML file")
    add("--seed", type=whole(0, LARGEST_SEED), help="instead of the recipe's")
    add("--threads", type=whole(1, MOST_THREADS), help="of torch, instead of the recipe's")
    add("--out", metavar="FOLDER", help="default: results/train/NAME/seed-SEED")
    add("--resume", action="store_true", help="go on from the folder's last checkpoint")
    add("--device", default="cpu", help="cpu, cuda or cuda:N, for the network (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Train to the end; return the exit status."""
    recipe = load_recipe(args.recipe)
    changes = {name: getattr(args, name) for name in ("seed", "threads") if getattr(args, name) is not None}
    recipe = replace(recipe, **changes)
    folder = Path(args.out or f"results/train/{recipe.name}/seed-{recipe.seed}")
    console = Console(stderr=True)
    device = check_device(args.device)
    with sole_run(folder):
        training = Training(recipe, folder, device)
        training.begin(args.resume, console)
        training.run(console)
    return 0
