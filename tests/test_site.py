"""The site says what is so: its programs run, its commands and links exist, and what it takes over is what it was."""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import importlib.util
import inspect
import io
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

import c2c_env
from agents.registry import FAMILIES, POLICIES
from agents.seats import agent_policies, split_names
from training.__main__ import make_parser
from training.command_table import COMMANDS as KNOWN
from training.episodes.episode_tables import MESSAGE_COLUMNS, STEP_COLUMNS
from training.learning.recipe import load_recipe

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
LEARNING = (ROOT / "notebooks" / "learning.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BLOCK = re.compile(
    r"(?:^<!-- (?P<marks>runs[\w, ]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)


def load_hook():
    spec = importlib.util.spec_from_file_location("site_hook", DOCS / "hooks" / "site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site = load_hook()


def blocks(language):
    """Marks and text of the blocks of a language, and the text of the block below, which may be its output."""
    for name, page in PAGES.items():
        found = list(BLOCK.finditer(page))
        for block, following in zip(found, [*found, None][1:], strict=True):
            if block["language"] == language:
                after = following["text"] if following is not None else ""
                yield pytest.param(
                    block["marks"] or "", block["text"], after, id=f"{name}:{page[: block.start()].count(chr(10)) + 2}"
                )


# --- programs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("marks", "program", "printed"), list(blocks("python")))
def test_programs_run_and_print_what_stands_below_them(marks, program, printed):
    assert marks in ("runs", "runs, prints"), "every program of the site is run"
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(program, "page", "exec"), {"__name__": "page"})
    if "prints" in marks:
        assert output.getvalue() == printed


def is_recipe(table):
    return "base" in table or "ppo" in table


@pytest.mark.parametrize(("_marks", "text", "_after"), list(blocks("toml")))
def test_examples_of_files_load(_marks, text, _after, tmp_path):
    path = tmp_path / "example.toml"
    path.write_text(text, encoding="utf-8")
    table = tomllib.loads(text)
    if is_recipe(table):
        load_recipe(str(path))
    else:
        load = c2c_env.load_team if "members" in table else c2c_env.load_workflow
        load(path)


def test_examples_of_a_workflow_and_a_team_play_together(tmp_path):
    paths = tmp_path / "workflow.toml", tmp_path / "team.toml"
    texts = [text for text in (example.values[1] for example in blocks("toml")) if not is_recipe(tomllib.loads(text))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    env = c2c_env.parallel_env(paths[0], team=paths[1])
    env.reset(seed=0)
    assert env.batch.workflow().subtasks[1].prerequisites == ("schema",)
    assert env.team.skills == c2c_env.Team.default(2).skills


@pytest.mark.parametrize(
    "call", sorted(set(re.findall(r"`((?:c2c_env\.)?(?:parallel_env|env|Batch)\(.*?\))`(?!`)", PAGES["libraries.md"])))
)
def test_calls_of_the_table_are_valid(call):
    call = call.replace('"my/workflow.toml", ', "").replace("(...", '("simple"').replace("num_envs=4096", "num_envs=2")
    eval(call.replace("workflow,", '"simple",'), {"c2c_env": c2c_env, "parallel_env": c2c_env.parallel_env})


# --- commands ----------------------------------------------------------------------------------------------------


def words_of_commands():
    """Commands of blocks, and those within sentences, which may be cut short."""
    for name, page in PAGES.items():
        for block in BLOCK.finditer(page):
            if block["language"] == "bash":
                for line in block["text"].replace("\\\n", " ").splitlines():
                    if line.startswith("c2c-env "):
                        yield pytest.param(shlex.split(line, comments=True)[1:], True, id=f"{name}: {line[:60]}")
        for command in re.findall(r"`(c2c-env [a-z][^`]*)`", BLOCK.sub("", page)):
            yield pytest.param(shlex.split(command)[1:], False, id=f"{name}: {command}")


COMMANDS = list(words_of_commands())


def options_of(words):
    """The options that the parser of a command knows."""
    command = words[0]
    assert command in KNOWN
    [subparsers] = [a for a in make_parser([command])._actions if isinstance(a, argparse._SubParsersAction)]
    return subparsers.choices[command]


@pytest.mark.parametrize(("words", "whole"), COMMANDS)
def test_commands_and_their_options_exist(words, whole):
    parser = options_of(words)
    options = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    assert options <= set(parser._option_string_actions)
    if whole:
        parser.parse_args([word.replace("./", "") for word in words[1:] if word != "[RUN]"])


@pytest.mark.parametrize(("words", "_whole"), COMMANDS)
def test_policies_of_commands_exist(words, _whole):
    for option in ("--policies", "--policy"):
        if option in words:
            named = split_names(words[words.index(option) + 1])
            for policy in [one for name in named for one in agent_policies(name, 5)]:
                kind = policy.partition(":")[0]
                assert kind in {*POLICIES, *FAMILIES} or re.fullmatch(r"(\./\w+\.py|[\w.]+):\w+", policy)


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {
        target for page in PAGES.values() for target in re.findall(r"\bmake ([a-z-]+)[`\s]+(?:#|is|,|\(|\n|runs)", page)
    }
    assert {"benchmark", "test", "consumers"} <= named
    assert [target for target in named if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)] == []


def test_no_page_names_commands_of_the_module_but_to_say_that_they_are_the_same():
    found = {name: re.findall(r"python -m training \w+", page) for name, page in PAGES.items()}
    assert {use for uses in found.values() for use in uses} <= {"python -m training COMMAND"}


# --- links ---------------------------------------------------------------------------------------------------------


def anchors(markdown):
    """The anchors of a page's headings, as MkDocs makes them."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", markdown, flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE
    )
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def site_pages():
    """Every page of the site by its address, with what is inserted but for help texts, which have no links."""
    pages = {name: text for name, text in PAGES.items() if name != "commands.md"}
    pages = {name: site.with_insertions(text) for name, text in pages.items()} | {"commands.md": PAGES["commands.md"]}
    tutorials = {f"tutorials/{path.stem}.md": site.notebook_page(path)[0] for path in NOTEBOOKS}
    return {**pages, **tutorials, "learning.md": LEARNING}


def test_links_lead_to_pages_headings_and_pictures():
    pages, wrong = site_pages(), []
    for name, text in pages.items():
        for target in re.findall(
            r"\]\((?!https?:)([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        ):
            address, _, anchor = target.partition("#")
            if address.endswith((".png", ".gif")):
                good = name.startswith("tutorials/") or (ROOT / "notebooks" / address).is_file()
            elif address in site.MADE:
                good = not anchor
            else:
                page = address or name
                good = page in pages and (not anchor or anchor in anchors(pages[page]))
            wrong += [] if good else [(name, target)]
    assert wrong == []


def test_anchors_are_made_as_mkdocs_makes_them():
    assert anchors("## What a credit tells, by stage of training\n```\n# no heading\n```\n### cost_aware") == {
        "what-a-credit-tells-by-stage-of-training",
        "cost_aware",
    }


def test_the_navigation_has_every_page_once():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = []
    for entry in config["nav"]:
        [target] = entry.values()
        listed += [address for one in target for address in one.values()] if isinstance(target, list) else [target]
    assert sorted(listed) == sorted(site_pages())
    levels = {**config["validation"]["nav"], **config["validation"]["links"]}
    assert set(levels.values()) == {"warn"}, "which --strict makes errors"
    assert levels["anchors"] == "warn"


# --- what is taken over --------------------------------------------------------------------------------------------


def test_the_environments_page_is_the_docstring():
    page = site.with_insertions(PAGES["environment.md"])
    assert page.endswith(inspect.getdoc(c2c_env.C2CParallelEnv) + "\n")
    assert "##" not in PAGES["environment.md"]


def test_tables_have_every_constant_and_every_metric():
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \| (.+) \|$", site.constants(), flags=re.MULTILINE)
    defaults = vars(c2c_env.EnvConfig())
    assert {name: default for name, default, _ in rows} == {name: str(value) for name, value in defaults.items()}
    assert re.findall(r"^\| `(\w+)` \|", site.metrics(), flags=re.MULTILINE) == list(c2c_env.METRICS)


def test_tables_of_columns_are_those_of_exported_episodes():
    for made, columns in ((site.step_columns, STEP_COLUMNS), (site.message_columns, MESSAGE_COLUMNS)):
        rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", made(), flags=re.MULTILINE)
        assert rows == [(name, meaning) for name, meaning in columns.items()]
        assert f"<!-- insert {made.__name__} -->" in PAGES["watching.md"]


@functools.cache
def live_data():
    """The data of the replay page that is made for the site."""
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', site.MADE["replay.html"]())
    return json.loads(data)


def test_the_live_replay_shows_a_silent_team_beside_one_that_speaks():
    data = live_data()
    assert (data["workflow"]["name"], len(data["agents"])) == ("csv-import-tool", 5)
    silent, speaking = data["episodes"]
    assert (silent["policy"], speaking["policy"]) == ("no_communication", "proactive")
    assert silent["messages"] == []
    assert any(message["value"] for message in speaking["messages"]), "what a message was worth is shown, too"


def test_the_live_replay_is_linked_where_a_reader_begins_and_where_it_is_explained():
    for name in ("index.md", "watching.md"):
        assert "[See an episode move](replay.html)" in PAGES[name]


def test_the_page_of_commands_has_the_help_of_each():
    assert "<!-- insert commands -->" in PAGES["commands.md"]
    assert re.findall(r"^## (\w+)$", site.commands(), flags=re.MULTILINE) == list(KNOWN)
    for name in ("episode", "import"):
        assert site.help_of(name).startswith(f"usage: c2c-env {name}")
        assert "python -m" not in site.help_of(name)


def test_every_team_has_a_paragraph_and_every_strategy_a_row():
    from agents.prompted.strategies import STRATEGIES

    assert {*POLICIES, *FAMILIES} <= anchors(PAGES["teams.md"])
    assert [name for name in STRATEGIES if f"`{name}" not in PAGES["prompted.md"]] == []


def test_public_names_are_in_the_api():
    assert [
        name
        for name in c2c_env.__all__
        if f"c2c_env.{name}" not in PAGES["api.md"] and f"`{name}`" not in PAGES["api.md"]
    ] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_have_their_outputs_and_are_pages(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")
    page, pictures = site.notebook_page(path)
    assert page.startswith("# ")
    assert pictures
    assert all(f"]({name})" in page for name in pictures)
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())


def test_programs_of_notebooks_compile():
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                ast.parse("".join(cell["source"]))
