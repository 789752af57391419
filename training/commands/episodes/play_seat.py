"""The command ``play``: play one agent of a team yourself."""

from __future__ import annotations

import argparse

from rich.console import Console

from c2c_env.config import MAX_SIZE
from c2c_env.make import DEFAULT_TEAM_SIZE
from training.arguments import LARGEST_SEED, add_llm_arguments, read_options, whole
from training.seat.game import Game
from training.seat.keeping import keeper_of, replay_html
from training.seat.server import serve
from training.seat.setting import GameSetting
from training.seat.terminal_seat import play_in_terminal

EXAMPLES = """\
examples:
  c2c-env play
  c2c-env play --as manager_0 --team learned --workflow rest-api-rate-limiting --seed 3 --open
  c2c-env play --terminal --results games
  c2c-env compare games results/generated   beside the teams that played the same episodes

Exit status: 0 the game was played to its end, 1 the partners could not go on, 2 wrong arguments, 130 interrupted.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who plays what, with whom and where."""
    add = parser.add_argument
    add("--as", dest="role", metavar="AGENT", default="worker_1", help="whom you play (default: %(default)s)")
    add("--team", metavar="POLICY", default="proactive", help="policy of all others (default: %(default)s)")
    add("--workflow", default="csv-import-tool", help="name, tier, or path to a TOML file (default: %(default)s)")
    add("--team-size", type=whole(1, MAX_SIZE), default=DEFAULT_TEAM_SIZE, help="agents (default: %(default)s)")
    add("--seed", type=whole(0, LARGEST_SEED), default=0, help="of the episode (default: %(default)s)")
    add("--results", metavar="FOLDER", help="add the game, if it is played to its end, to the results there")
    add("--record", metavar="FOLDER", help="keep the episode there as a file, for c2c-env replay, attribute and export")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--terminal", action="store_true", help="play here instead of in a browser")
    where.add_argument("--open", action="store_true", help="open the page in the browser")
    add_llm_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Play a game; return the exit status."""
    options = read_options(args.llm, args.llm_file)
    setting = GameSetting.named(
        args.workflow, role=args.role, partners=args.team, team_size=args.team_size, seed=args.seed, options=options
    )
    game = Game(setting, keeper_of(args.results, args.record))
    console = Console(highlight=False, soft_wrap=not args.terminal)
    if args.terminal:
        return play_in_terminal(game, console)
    return serve(game, console, finished=replay_html, open_browser=args.open)
