"""The command ``train``: train a team by a recipe, or several side by side."""

from __future__ import annotations

import argparse

from rich.console import Console

from c2c_env import VALIDATION_SEEDS
from training.arguments import LARGEST_SEED, whole
from training.executors import ray_cluster
from training.executors.opening import open_executor
from training.learning import side_by_side
from training.learning.ranges import MOST_THREADS
from training.learning.recipes import shipped_recipes
from training.learning.run import Ending, check_device, train_alone

EXAMPLES = """\
examples:
  c2c-env train team                          the recipe of the shipped policy
  c2c-env train my/recipe.toml --seed 2
  c2c-env train team --seeds 1,2,3 --workers 2
  c2c-env train team,my/recipe.toml --seeds 1,2,3 --ray HOST:PORT
  c2c-env train team --resume                 go on where it was interrupted
  c2c-env benchmark --policies no_communication,learned:results/train/team/seed-1/policy.onnx

A checkpoint is written every few minutes; a run that goes on from one ends with the same weights as one that was never
interrupted (same machine, same number of threads). Scalars for TensorBoard lie in OUT/tensorboard.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("recipe", metavar="RECIPE[,RECIPE ...]", help=f"names ({', '.join(shipped_recipes())}) or paths of TOML files")
    add("--seed", type=whole(0, LARGEST_SEED), help="instead of the recipe's")
    add("--seeds", metavar="SEED[,SEED ...]", help="train a team for each, side by side")
    add("--threads", type=whole(1, MOST_THREADS), help="of torch, instead of the recipe's")
    add("--out", metavar="FOLDER", help="default: results/train/NAME/seed-SEED; of several runs, what they are put in")
    add("--resume", action="store_true", help="go on from the folder's last checkpoint")
    add("--device", default="cpu", help="cpu, cuda or cuda:N, for the network (default: %(default)s)")
    add("--no-onnx", action="store_true", help="leave policy.onnx out, by which a team plays without torch (30 s)")
    add(
        "--validation", metavar="N", type=whole(1, len(VALIDATION_SEEDS)),
        help="workflows a tier and team size, on which the way to play is chosen at the end (default: the recipe's)",
    )  # fmt: skip
    add("--workers", type=whole(1, 4096), help="of several runs, how many at once (default: one a processor)")
    add("--ray", nargs="?", const=ray_cluster.LOCAL, metavar="ADDRESS", help="train on a Ray cluster, see benchmark")


def run(args: argparse.Namespace) -> int:
    """Train to the end; return the exit status."""
    if args.ray is not None:
        ray_cluster.check(args.ray)
    runs, console = side_by_side.choose_runs(args), Console(stderr=True)
    ending = Ending(not args.no_onnx, args.validation)
    if len(runs) == 1 and args.ray is None:
        [(folder, recipe)] = runs.items()
        train_alone(recipe, folder, check_device(args.device), console, resume=args.resume, ending=ending)
        return 0
    with open_executor(args.ray, args.workers) as executor:
        faults = side_by_side.train_all(runs, executor, console, resume=args.resume, ending=ending)
    for folder, fault in faults.items():
        console.print(f"{folder}: {fault}", markup=False, soft_wrap=True)
    return 1 if faults else 0
