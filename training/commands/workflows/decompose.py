"""The command ``decompose``: a prompted manager turns a plain-text brief into a workflow file, as in the paper."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.console import Console

from agents.prompted.client.client import client_of
from agents.prompted.decompose import decompose, read_brief
from agents.prompted.settings import ModelSettings
from c2c_env import Team
from c2c_env.bounds import lower_bound
from c2c_env.config import MAX_SIZE
from c2c_env.disk import write_whole
from c2c_env.errors import ConfigError
from c2c_env.workflows.loader import parse_workflow
from training.arguments import add_llm_arguments, output_folder, read_options, whole

EXAMPLES = """\
examples:
  c2c-env decompose brief.md -o workflow.toml --model gpt-5-mini
  c2c-env decompose brief.md -o workflow.toml --model qwen3:8b --llm-file ollama.toml
  c2c-env benchmark --workflows workflow.toml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the brief, the file and the model."""
    parser.add_argument("brief", help="text file with the brief")
    parser.add_argument("-o", "--out", required=True, metavar="FILE.toml", help="workflow file to write")
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument(
        "--team-size", type=whole(1, MAX_SIZE), default=5, help="agents of the team that the manager plans for"
    )
    add_llm_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the model, check its answer and write the file."""
    out = Path(args.out)
    if os.path.lexists(out):
        raise ConfigError(f"{str(out)!r} is there already; remove it or give another file (-o)")
    output_folder(out.parent)  # before anything is paid for
    brief = read_brief(args.brief)
    team = Team.default(args.team_size)
    client = client_of(ModelSettings.of(read_options(args.llm, args.llm_file)))
    client.check(args.model)
    text = decompose(brief, client, args.model, team.size)
    write_whole(out, text, durable=True)
    workflow = parse_workflow(text, where=str(out))
    Console(highlight=False, soft_wrap=True).print(
        f"{out}: {workflow.name}, {workflow.tier}, {len(workflow.subtasks)} subtasks, {workflow.total_effort:g} h of"
        f" effort, at least {lower_bound(workflow, team):.1f} h with {team.size} agents",
        markup=False,
    )
    return 0
