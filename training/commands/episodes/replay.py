"""The command ``replay``: watch an episode again, or two on one clock, on a page, as a film or in words."""

from __future__ import annotations

import argparse

from rich.console import Console

from c2c_env.config import MAX_SIZE
from training.arguments import LARGEST_SEED, add_llm_arguments, file_ending, read_options, split_list, whole
from training.episodes.show import SHOWN_AS, open_in_browser, show_in_words, write_replay
from training.episodes.sources import Played, chosen_episodes

EXAMPLES = """\
examples:
  c2c-env replay --workflow csv-import-tool --policies proactive -o page.html --open
  c2c-env replay --workflow medium --policies proactive,learned --team-size 8 --seed 3 -o two.html
  c2c-env replay results/episodes/FILE.episode.json.gz -o episode.mp4
  c2c-env replay results/transcripts/FILE.jsonl.gz           in words, and whether every step is as it was

Exit status: 0 every step as it was, 2 the file is damaged, or the simulator is another one.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to show, and how."""
    add = parser.add_argument
    add("files", metavar="FILE", nargs="*", help="an episode (.episode.json.gz) or a transcript (.jsonl.gz); or two")
    add("--workflow", help="play it now, instead of a file: built-in name, tier, or path to a TOML file")
    add("--policies", metavar="A,B", type=split_list, help="one that plays, or two to compare (default: proactive)")
    team = parser.add_mutually_exclusive_group()
    team.add_argument("--team-size", type=whole(1, MAX_SIZE), help="agents of the default team (default: 5)")
    team.add_argument("--team", metavar="FILE", help="TOML file of a team that plays instead of the default one")
    add("--seed", type=whole(0, LARGEST_SEED), help="of the episode (default: 0)")
    endings = ", ".join(f"{suffix} ({what})" for suffix, what in SHOWN_AS.items())
    add("-o", "--out", type=file_ending(*SHOWN_AS), metavar="FILE", help=f"write it, by the ending: {endings}")
    add("--no-values", action="store_true", help="do not work out what each message was worth, for a page")
    add("--open", action="store_true", help="show what was written in the browser")
    add("--no-colour", action="store_true", help="plain text")
    add_llm_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read or play the episodes, check them, and show them."""
    console = Console(color_system=None if args.no_colour else "auto", highlight=False)
    options = read_options(args.llm, args.llm_file)
    played = Played(args.workflow, args.policies, args.team_size, args.team, args.seed)
    episodes = chosen_episodes(args.files, played, options)
    if args.out is None:
        for episode in episodes:
            show_in_words(console, episode)
        return 0
    errors = Console(stderr=True, highlight=False)
    console.print(write_replay(episodes, args.out, errors, values=not args.no_values), markup=False, soft_wrap=True)
    if args.open:
        open_in_browser(args.out)
    return 0
