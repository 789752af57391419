"""What the site takes from elsewhere, so that it cannot differ from it: docstrings, help texts, notebooks, pictures.

A line `<!-- insert NAME -->` of a page is replaced by what `INSERTED[NAME]` makes. Notebooks, their pictures and
`notebooks/learning.md` are pages of the site that have no file in `docs`, and so is what the makers of `MADE` make.
"""

from __future__ import annotations

import base64
import contextlib
import inspect
import io
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
REPLAYED = {"workflow": "csv-import-tool", "policies": ["no_communication", "proactive"], "team_size": 5}
HELP_WIDTH = "100"
COLOURS = re.compile(r"\x1b\[[\d;]*m")
MARKER = re.compile(r"^<!-- insert (\w+) -->$", flags=re.MULTILINE)

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # agents and training are not installed


# --- what pages have inserted --------------------------------------------------------------------------------------


def environment_page() -> str:
    """The docstring of the environment as it stands."""
    from c2c_env import C2CParallelEnv

    return str(inspect.getdoc(C2CParallelEnv))


def constants() -> str:
    """Tables of the constants, with their defaults, one for each part of the docstring of `EnvConfig`."""
    from c2c_env import EnvConfig

    defaults = {field.name: field for field in fields(EnvConfig)}
    pages = []
    for title, body in re.findall(
        r"^(\w[\w ]*):\n((?: {4}.*\n?)+)", str(inspect.getdoc(EnvConfig)), flags=re.MULTILINE
    ):
        rows = ["| constant | default | meaning |", "|---|---|---|"]
        for names, meaning in re.findall(r"^ {4}(\w[\w, ]*): ((?:.|\n(?: {5,}|$))*)", body, flags=re.MULTILINE):
            text = " ".join(meaning.split()).replace("``", "`").replace("|", r"\|")
            rows += [f"| `{name}` | `{default_of(defaults[name])}` | {text} |" for name in names.split(", ")]
        pages.append(f"### {title}\n\n" + "\n".join(rows))
    return "\n\n".join(pages)


def default_of(field: Any) -> Any:
    """The default of a field of a dataclass."""
    return field.default_factory() if callable(field.default_factory) else field.default


def metrics() -> str:
    """A table of the metrics of an episode."""
    from c2c_env import METRICS

    return meanings("metric", METRICS)


def step_columns() -> str:
    """A table of the columns of exported steps."""
    from training.episodes.episode_tables import STEP_COLUMNS

    return meanings("column", STEP_COLUMNS)


def message_columns() -> str:
    """A table of the columns of exported messages."""
    from training.episodes.episode_tables import MESSAGE_COLUMNS

    return meanings("column", MESSAGE_COLUMNS)


def meanings(kind: str, explained: Mapping[str, str]) -> str:
    """A table of names with what they mean."""
    rows = [f"| `{name}` | {meaning.replace('|', ' or ')} |" for name, meaning in explained.items()]
    return "\n".join([f"| {kind} | meaning |", "|---|---|", *rows])


def commands() -> str:
    """What `--help` prints, of every command."""
    from training.command_table import COMMANDS

    return "\n\n".join(f"## {name}\n\n```text\n{help_of(name)}\n```" for name in COMMANDS)


def help_of(command: str) -> str:
    """The help of a command."""
    from training.__main__ import main

    printed, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = HELP_WIDTH
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            main([command, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    if not printed.getvalue():
        raise RuntimeError(f"{command} --help printed nothing; the site is built with all extras (make docs)")
    return COLOURS.sub("", printed.getvalue()).strip()


INSERTED = {
    "environment": environment_page,
    "constants": constants,
    "metrics": metrics,
    "commands": commands,
    "step_columns": step_columns,
    "message_columns": message_columns,
}


def with_insertions(markdown: str) -> str:
    """A page with its markers replaced."""
    return MARKER.sub(lambda marker: INSERTED[marker[1]](), markdown)


# --- pages that are made -------------------------------------------------------------------------------------------


def live_replay() -> str:
    """The page that replays the two episodes `REPLAYED`, which are played now, as `c2c-env replay` makes it."""
    from c2c_env.episodes.history import simulate
    from c2c_env.render.page import page_html
    from c2c_env.render.page.page_data import page_data
    from training.attribution.message_values import message_values
    from training.episodes.sources import Played, chosen_episodes

    histories = [simulate(episode) for episode in chosen_episodes([], Played(**REPLAYED), {})]
    return page_html(page_data(histories, [message_values(history.episode, history) for history in histories]))


MADE = {"replay.html": live_replay}


# --- notebooks as pages --------------------------------------------------------------------------------------------


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook with its stored outputs as Markdown, and its pictures by name."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                name = f"{path.stem}_{len(pictures)}.png"
                pictures[name] = base64.b64decode("".join(data["image/png"]))
                parts.append(f"![What the cell above draws]({name})")
            else:
                text = "".join(data.get("text/plain", output.get("text", "")))
                parts.append(f"```text\n{COLOURS.sub('', text).strip()}\n```")
    link = f"This page is the notebook `notebooks/{path.name}` of the repository, with its outputs."
    return "\n\n".join([*parts, f"*{link}*"]) + "\n", pictures


# --- what MkDocs calls ---------------------------------------------------------------------------------------------


def on_files(files: Any, config: Any) -> Any:
    """Add what lies beside `docs`, which is notebooks, what was learned and figures, and the pages that are made."""
    from mkdocs.structure.files import File

    def add(target: str, **source: Any) -> None:
        files.append(File.generated(config, target, **source))

    for picture in sorted((NOTEBOOKS / "figures").iterdir()):
        if picture.suffix in (".png", ".gif"):
            add(f"figures/{picture.name}", abs_src_path=str(picture))
    add("learning.md", abs_src_path=str(NOTEBOOKS / "learning.md"))
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        page, pictures = notebook_page(path)
        add(f"tutorials/{path.stem}.md", content=page)
        for name, content in pictures.items():
            add(f"tutorials/{name}", content=content)
    for name, make in MADE.items():
        add(name, content=make())
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the markers of a page."""
    return with_insertions(markdown)
