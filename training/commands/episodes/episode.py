"""The command ``episode``: watch a policy play one episode."""

from __future__ import annotations

import argparse

from rich.console import Console

from c2c_env.config import MAX_SIZE
from c2c_env.make import make_batch
from c2c_env.render import Scene
from training.arguments import LARGEST_SEED, add_llm_arguments, file_ending, read_options, whole
from training.episodes.animation import write_animation
from training.episodes.timeline import play_episode, print_episode

EXAMPLES = """\
examples:
  c2c-env episode
  c2c-env episode --workflow rest-api-rate-limiting --policy proactive --team-size 8 --seed 3
  c2c-env episode --workflow my/workflow.toml --team my/team.toml --policy my_policies.py:Greedy
  c2c-env episode --no-colour | less
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to play and how to print it."""
    parser.add_argument("--workflow", default="simple", help="built-in name, tier, or path to a TOML file")
    parser.add_argument("--policy", default="cost_aware", help="name of a policy, or name:argument")
    team = parser.add_mutually_exclusive_group()
    team.add_argument("--team-size", type=whole(1, MAX_SIZE), help="agents of the default team (default: 5)")
    team.add_argument("--team", metavar="FILE", help="TOML file of a team that plays instead of the default one")
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0, help="of the episode")
    gif = "write the episode as an animated picture, a .gif"
    parser.add_argument("--animate", type=file_ending(".gif"), metavar="FILE", help=gif)
    parser.add_argument("--no-colour", action="store_true", help="plain text")
    add_llm_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Play one episode, print it, and write it as an animation if that is asked for."""
    console = Console(color_system=None if args.no_colour else "auto", highlight=False)
    options = read_options(args.llm, args.llm_file)
    batch = make_batch(args.workflow, args.team_size, team=args.team)
    scenes: list[Scene] | None = [] if args.animate else None
    trace, metrics = play_episode(batch, args.policy, args.seed, options, scenes)
    print_episode(console, trace, metrics, f"{args.policy}, {batch.num_agents} agents, seed {args.seed}")
    if scenes:
        frames = write_animation(scenes, args.animate)
        console.print(f"{args.animate}: {frames} frames of {trace.length} steps", markup=False)
    return 0
