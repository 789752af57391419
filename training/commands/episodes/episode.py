"""The command ``episode``: watch a policy play one episode."""

from __future__ import annotations

import argparse

from rich.console import Console

from c2c_env.config import MAX_SIZE
from c2c_env.episodes.episode_file import write_episode_into
from c2c_env.episodes.history import simulate
from c2c_env.make import make_batch
from training.arguments import LARGEST_SEED, add_llm_arguments, output_folder, read_options, whole
from training.episodes.show import describe_player
from training.episodes.sources import play_episode
from training.episodes.timeline import print_episode

EXAMPLES = """\
examples:
  c2c-env episode
  c2c-env episode --workflow rest-api-rate-limiting --policy proactive --team-size 8 --seed 3
  c2c-env episode --workflow my/workflow.toml --team my/team.toml --policy my_policies.py:Greedy
  c2c-env episode --record episodes
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
    keep = "write the episode into a folder, for c2c-env replay, attribute and export"
    parser.add_argument("--record", metavar="FOLDER", help=keep)
    parser.add_argument("--no-colour", action="store_true", help="plain text")
    add_llm_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Play one episode, print it, and keep it if that is asked for."""
    console = Console(color_system=None if args.no_colour else "auto", highlight=False)
    options = read_options(args.llm, args.llm_file)
    batch = make_batch(args.workflow, args.team_size, team=args.team)
    episode = play_episode(batch, args.policy, args.seed, options)
    history = simulate(episode)
    print_episode(console, history.trace, history.metrics, describe_player(episode))
    if args.record:
        path = write_episode_into(output_folder(args.record, "--record"), episode)
        console.print(f"Episode: {path}", markup=False, soft_wrap=True)
    return 0
