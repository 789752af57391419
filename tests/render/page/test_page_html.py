"""The file holds its data and nothing that the data could run, forbids all else, and is what the sources give."""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from page_example import example, stretched

from c2c_env.errors import ConfigError, WriteError
from c2c_env.render import page
from c2c_env.render.page import page_html, write_page

FOLDER = Path(page.__file__).parent
NASTY = "</script><script>alert(1)</script><!-- <b>&amp; \u2028\u2029 \ud800 '\"{style}"
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")


@functools.cache
def played():
    return example("proactive")


def data():
    return copy.deepcopy(played())


class Reading(HTMLParser):
    """The elements of a page, and what stands in its scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.contents, self.inside = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag in ("script", "style"):
            self.contents.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, text):
        if self.inside in ("script", "style"):
            self.contents[-1][2] += text

    def embedded(self):
        (text,) = [text for _, attributes, text in self.contents if attributes.get("id") == "data"]
        return json.loads(text)

    def policy(self):
        (policy,) = [a["content"] for _, a in self.elements if a.get("http-equiv") == "Content-Security-Policy"]
        return dict(part.strip().split(" ", 1) for part in policy.split(";"))


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_the_policy_allows_the_script_and_the_style_of_the_page_only():
    reading = Reading(page_html(data()))
    (script,) = [text for tag, attributes, text in reading.contents if tag == "script" and "type" not in attributes]
    (style,) = [text for tag, _, text in reading.contents if tag == "style"]
    assert len(script) > 10_000
    assert reading.policy() == {
        "default-src": "'none'",
        "script-src": digest(script),
        "style-src": digest(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_no_element_runs_or_loads_anything_else():
    elements = Reading(page_html(data())).elements
    names = [name for _, attributes in elements for name in attributes]
    assert {name for name in names if name.startswith("on") or name in ("src", "href", "style")} == set()
    assert sum(tag == "script" for tag, _ in elements) == 3


def test_the_data_comes_back_as_it_was_given():
    assert Reading(page_html(data())).embedded() == data()


def test_hostile_texts_stay_data():
    hostile, calm = data(), Reading(page_html(data()))
    hostile["workflow"] |= {"name": NASTY, "title": NASTY}
    hostile["subtasks"][0] |= {"id": NASTY, "title": NASTY}
    hostile["agents"][1] = hostile["episodes"][0]["policy"] = NASTY
    text = page_html(hostile)
    reading = Reading(text)
    assert [tag for tag, _ in reading.elements] == [tag for tag, _ in calm.elements]
    assert "alert(1)</script>" not in text
    assert not re.search("[\u2028\u2029]", text.partition("<body>")[2])
    shown = NASTY.replace("\ud800", "?")  # half of a pair is no text
    assert reading.embedded()["subtasks"][0] == hostile["subtasks"][0] | {"id": shown, "title": shown}


def test_nothing_in_the_built_files_ends_their_element():
    script, style = ((FOLDER / "built" / name).read_text(encoding="utf-8") for name in ("replay.js", "replay.css"))
    assert not re.search(r"</script|<!--|\r", script, re.IGNORECASE)
    assert not re.search(r"</style|@import|url\(|\r", style, re.IGNORECASE)


def test_a_file_is_the_page(tmp_path):
    write_page(data(), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page_html(data())
    with pytest.raises(WriteError, match="cannot write"):
        write_page(data(), tmp_path / "none" / "page.html")


def test_another_format_is_refused():
    with pytest.raises(ConfigError, match=r"has the format 2, expected 1$"):
        page_html(data() | {"format": 2})


@pytest.mark.parametrize("count", [0, 3])
def test_another_number_of_episodes_is_refused(count):
    with pytest.raises(ConfigError, match=rf"has {count} episodes, expected 1, or 2 to compare$"):
        page_html(data() | {"episodes": data()["episodes"] * count})


def test_a_number_that_json_does_not_have_is_refused():
    with pytest.raises(ConfigError, match="expected null where a number is NaN"):
        page_html(data() | {"lower_bound": float("nan")})


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "team_size", "most"), [(300, 5, 1_000_000), (500, 17, 5_000_000)])
def test_a_page_stays_small(steps, team_size, most):
    long = stretched(example("proactive", workflow="complex", team_size=team_size), steps)
    assert 100_000 < len(page_html(long).encode()) < most


def test_the_lock_file_names_no_registry():
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    installed = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(installed) > 10
    assert [name for name, entry in installed.items() if "resolved" in entry or "integrity" not in entry] == []


def test_versions_are_exact():
    package = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    versions = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


@pytest.mark.slow
def test_what_is_built_is_what_the_sources_give(tmp_path):
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm builds the page's script, and it is not installed here")
    copied = shutil.copytree(FOLDER, tmp_path / "page", ignore=shutil.ignore_patterns("node_modules", "built"))
    (copied / "built").mkdir()
    for command in (["ci"], ["run", "build"]):
        done = subprocess.run([npm, *command], cwd=copied, capture_output=True, text=True, check=False)
        if any(sign in done.stderr for sign in NO_NETWORK):
            pytest.skip("npm reaches no registry from here")
        assert done.returncode == 0, done.stderr
    files = {path.name: path.read_text(encoding="utf-8") for path in (copied / "built").iterdir()}
    assert files.keys() == {"replay.js", "replay.css", "LICENCES.txt"}
    assert [name for name, text in files.items() if text != (FOLDER / "built" / name).read_text("utf-8")] == []
