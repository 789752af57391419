"""The key of a server: nobody sees it but the server, however it is written, echoed or cut."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import pytest
from prompted_team import prompted, recorder_of, small_batch
from rule_server import KEY

from agents.play import play
from agents.prompted.client.answer_cache import CACHE_FILE
from c2c_env.errors import EndpointError


@pytest.mark.parametrize("key", ["sk-(a+)[b]*^$.|x", 'sk-a\\b\\d"c"e', "sk-a/b+c=d&e<f>'g", "sk-%41%42{0}{x}"])
def test_no_way_of_writing_the_key_is_shown_or_kept(server, options, monkeypatch, tmp_path, key):
    """Characters with a meaning in patterns, JSON, URLs and HTML."""
    monkeypatch.setenv(options["key_variable"], key)
    ways = (key, json.dumps(key), json.dumps(key).replace("/", "\\/"), quote(key, safe=""), html.escape(key))

    async def refuse(writer, body):
        return await server.send(writer, " ".join(ways).encode(), "400 Bad Request")

    server.fault_refuse, server.fault = refuse, lambda number, body: "refuse" if number == 6 else "echo"
    batch = small_batch()
    policy = prompted(batch, "direct", {**options, "concurrency": 1})
    recorder, (lines,) = recorder_of(batch, policy, "prompted", [0])
    play(batch, policy, on_step=recorder.record)
    failure = policy.episode_columns(0)["failure"]
    assert failure.startswith("status 400: [key] ")
    cache = (tmp_path / "cache" / CACHE_FILE).read_bytes().decode("latin-1")
    letters = [letter.text for turns in policy.turns.values() for turn in turns for letter in turn.decisions]
    for text in (failure, lines.text, cache, *letters):
        assert "sk-" not in text
    assert server.keys == {f"Bearer {key}"}


@pytest.mark.parametrize("key", ["sk-schl\u00fcssel-12", "sk-two words-12", "sk-two\nlines-12", "sk-\x07bell-1234"])
def test_a_key_that_no_header_can_hold_is_told_without_being_shown(server, options, monkeypatch, key):
    monkeypatch.setenv(options["key_variable"], key)
    with pytest.raises(EndpointError, match=f"the variable {options['key_variable']} holds no key") as caught:
        prompted(small_batch(), "direct", options)
    assert "sk-" not in str(caught.value)
    assert not server.keys


def test_key_is_seen_by_the_server_and_nowhere_else(server, options, tmp_path, caplog, capfd):
    caplog.set_level("DEBUG")
    server.fault = lambda number, body: "echo" if number % 2 else None
    batch = small_batch()
    policy = prompted(batch, "react", options)
    recorder, (lines,) = recorder_of(batch, policy, "prompted", [0])
    play(batch, policy, on_step=recorder.record)
    transcript = lines.text
    assert server.keys == {f"Bearer {KEY}"}
    assert "[key]" in transcript
    cache = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert b"[key]" in cache
    shown = capfd.readouterr()
    for text in (transcript, cache.decode("latin-1"), caplog.text, shown.out, shown.err, str(vars(policy.options))):
        assert KEY not in text
    assert (tmp_path / "cache" / CACHE_FILE).exists()
