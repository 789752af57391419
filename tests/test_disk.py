"""Files are read if they are regular and small enough, and written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.prompted.client.answer_cache import AnswerCache
from c2c_env.disk import parse_json, parse_toml, read_bounded, read_text, remove_leftovers, temporary_name, write_whole
from c2c_env.errors import ConfigError, WriteError


def read(path, limit=1000):
    return read_bounded(path, "thing", ConfigError, limit)


def test_a_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    assert read(path) == b"x" * 1000
    with pytest.raises(ConfigError, match=r"cannot read thing '.*a': it has more than 999 bytes"):
        read(path, 999)


@pytest.mark.parametrize(("place", "kind"), [("/dev/zero", "a device"), ("/", "a folder")])
def test_what_is_no_regular_file_is_refused(place, kind, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(place)
    for path in (place, link):
        with pytest.raises(ConfigError, match=f"it is {kind}, expected a regular file"):
            read(path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system has no such files")
def test_a_file_whose_size_the_system_does_not_know_is_bounded_too():
    path = Path("/proc/self/status")
    assert path.stat().st_size == 0
    assert read_bounded(path, "thing", ConfigError).startswith(b"Name:")
    with pytest.raises(ConfigError, match="it has more than 10 bytes"):
        read_bounded(path, "thing", ConfigError, 10)


def test_a_fifo_does_not_hang_with_or_without_a_writer(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="it is a FIFO"):
        read(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"",))
    writer.start()
    with pytest.raises(ConfigError, match="it is a FIFO"):
        read(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that the writer comes to an end, if it only starts now
    writer.join()
    os.close(reader)


@pytest.mark.parametrize(
    ("name", "message"), [("none", "No such file"), ("nul\0", "null"), ("x" * 300, "too long"), ("\ud800", "surrogate")]
)
def test_a_path_that_leads_nowhere_is_one_clear_error(name, message, tmp_path):
    with pytest.raises(ConfigError, match=f"cannot read thing .*{message}"):
        read(tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_a_text_and_other_bytes_are_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfabc")
    assert read_text(path, "thing", ConfigError) == "abc"
    for content in (b"\xff\xfea\0", b"ab\x80"):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="is not UTF-8 text"):
            read_text(path, "thing", ConfigError)


HOSTILE_TOML = {
    "nested lists": "x = " + "[" * 5000 + "]" * 5000,
    "nested lists that Python can read": "x = " + "[" * 100 + "]" * 100,
    "nested keys": "x" + ".x" * 3000 + " = 1",
    "nested inline tables": "x = " + "{x = " * 300 + "1" + "}" * 300,
    "many digits": "x = " + "9" * 5000,
    "more than 64 bits": "x = " + "9" * 30,
    "many hexadecimal digits": "x = 0x" + "f" * 5000,
    "a NUL byte": 'x = "\0"',
    "no TOML": "[[",
}
HOSTILE_JSON = {
    "nested lists": "[" * 100_000 + "]" * 100_000,
    "nested lists that Python can read": "[" * 100 + "]" * 100,
    "nested tables": '{"x":' * 500 + "1" + "}" * 500,
    "many digits": "9" * 5000,
    "more than 64 bits": "[[9" + "9" * 30 + "]]",
    "no JSON": "{",
    "nothing": "",
}


@pytest.mark.parametrize("kind", HOSTILE_TOML)
def test_a_hostile_toml_document_is_one_clear_error(kind):
    with pytest.raises(ConfigError, match=re.compile(r"^here is not valid TOML: .{5,200}$")):
        parse_toml(HOSTILE_TOML[kind], "here", ConfigError)


@pytest.mark.parametrize("kind", HOSTILE_JSON)
def test_a_hostile_json_document_is_one_clear_error(kind):
    with pytest.raises(ConfigError, match=re.compile(r"^here is not valid JSON: .{5,200}$")):
        parse_json(HOSTILE_JSON[kind], "here", ConfigError)


@given(st.text())
def test_any_text_is_a_document_or_one_error(text):
    for parse, parser in ((parse_toml, tomllib.loads), (parse_json, json.loads)):
        try:
            expected = parser(text)
        except ValueError:
            with pytest.raises(ConfigError, match="here is not valid"):
                parse(text, "here", ConfigError)
        else:
            if isinstance(expected, int) and expected.bit_length() > 64:
                continue  # refused, see HOSTILE_JSON
            assert repr(parse(text, "here", ConfigError)) == repr(expected)


# --- writing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_as_a_whole(durable, tmp_path, monkeypatch):
    path = tmp_path / "results.csv"
    write_whole(path, "old ä\n", durable=durable)
    assert path.read_bytes() == "old ä\n".encode()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("c2c_env.disk.os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "new\n", durable=durable)
    assert path.read_text(encoding="utf-8") == "old ä\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_clear_error_and_leaves_the_old_file_alone(tmp_path, small_files):
    path = tmp_path / "results.csv"
    write_whole(path, b"old")
    with small_files(100), pytest.raises(WriteError, match=r"cannot write '.*results.csv': File too large"):
        write_whole(path, b"x" * 200)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [0, 100, 5000, 20_000, 60_000])
def test_a_full_disk_is_one_clear_error_of_the_answer_cache_and_loses_no_answer(size, tmp_path, small_files):
    answer, kept = {"content": "x" * 500}, 0

    def fill():
        nonlocal kept
        with contextlib.closing(AnswerCache(tmp_path)) as cache:
            for kept in range(1000):
                cache.put(str(kept), answer)

    with small_files(size), pytest.raises(WriteError, match=r"cannot keep (an answer|answers) in '.*sqlite'"):
        fill()
    with contextlib.closing(AnswerCache(tmp_path)) as cache:
        assert [cache.get(str(n)) for n in range(kept)] == [answer] * kept
        assert cache.get(str(kept)) is None
        cache.put(str(kept), answer)
    assert kept > 0 or size < 60_000


def test_a_place_that_takes_no_file_is_one_clear_error(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    names = ("folder", "file/a", "none/a", "nul\0", "\ud800", "x" * 300)
    for place in (tmp_path / name for name in names):
        with pytest.raises(WriteError, match="cannot write"):
            write_whole(place, b"x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_names_of_temporary_files_differ_whoever_writes(tmp_path, monkeypatch):
    names = []
    monkeypatch.setattr("c2c_env.disk.os.replace", lambda source, _: names.append(source))
    for _ in range(3):  # the same process id, as on another machine
        write_whole(tmp_path / "a", b"x")
    assert len(set(names)) == 3
    write_whole(tmp_path / ("a" * 250), b"x")  # a long name leaves room for what is added


def test_only_leftovers_are_removed_and_young_ones_if_that_is_wanted(tmp_path):
    remove_leftovers(tmp_path / "none")
    (tmp_path / "folder.0123456789abcdef.tmp").mkdir()
    others = [tmp_path / name for name in ("notes.tmp", "a.json", "a.123.tmp", "folder.0123456789abcdef.tmp")]
    for path in others[:3]:
        path.touch()
    old, young = (temporary_name(tmp_path / ("a" * length)) for length in (3, 250))
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    remove_leftovers(tmp_path, older_than=600)
    assert sorted(tmp_path.iterdir()) == sorted([*others, young])
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(others)
