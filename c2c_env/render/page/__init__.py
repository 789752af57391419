"""One HTML file that replays episodes without a network: the data, the built script, the built style and licences.

The script comes from the modules in `source`, see `make page`. Titles, prompts and answers may come from anybody, so
the data is escaped, the script shows it as text only, and the page forbids every request and any other script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from c2c_env.disk import AnyPath, write_whole
from c2c_env.errors import ConfigError

PAGE_FORMAT = 1  # what the script reads
MOST_COMPARED = 2  # that are compared on one clock
_BUILT = Path(__file__).parent / "built"
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main id="page"><noscript>This page draws an episode with JavaScript, which is switched off here.</noscript></main>
<script type="application/json" id="data">{data}</script>
<script type="text/plain" id="licences">{licences}</script>
<script>{script}</script>
</body>
</html>
"""


def write_page(data: Mapping[str, Any], path: AnyPath) -> None:
    """Write the page of `page_html` to a file, whole or not at all.

    Raises:
        ConfigError: the data is not what the page reads.
        WriteError: the disk is full, or the place cannot be written.
    """
    write_whole(path, page_html(data))


def page_html(data: Mapping[str, Any]) -> str:
    """Make the page that replays one episode, or compares two.

    Args:
        data: as JSON, in the format `PAGE_FORMAT`: the workflow, the team, and the episodes step by step.

    Raises:
        ConfigError: the data has another format, another number of episodes, or a number that JSON does not have.
    """
    _check(data)
    style, script = _read("replay.css"), _read("replay.js")
    policies = " and ".join(str(episode["policy"]) for episode in data["episodes"])
    text = _PAGE.format(
        policy=_content_policy(script, style),
        title=html.escape(f"{data['workflow']['name']}: {policies}"),
        style=style,
        data=_as_json(data),
        licences=html.escape(_read("LICENCES.txt"), quote=False),
        script=script,
    )
    return text.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair has no place in UTF-8


def _check(data: Mapping[str, Any]) -> None:
    if data.get("format") != PAGE_FORMAT:
        raise ConfigError(f"the data of the page has the format {data.get('format')!r}, expected {PAGE_FORMAT}")
    count = len(data["episodes"])
    if not 1 <= count <= MOST_COMPARED:
        raise ConfigError(f"the data of the page has {count} episodes, expected 1, or {MOST_COMPARED} to compare")


def _as_json(data: Mapping[str, Any]) -> str:
    """Write the data so that nothing in it ends the script element that holds it."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the data of the page is not JSON: {error}; expected null where a number is NaN") from error
    return text.translate(_ESCAPES)


def _content_policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy that allows this script and this style, and nothing else."""
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _read(name: str) -> str:
    return (_BUILT / name).read_text(encoding="utf-8")
