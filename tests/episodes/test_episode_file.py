"""Files of episodes: what is written is read again, and nothing else is taken for an episode."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import recorded
from simulate import random_env

from c2c_env import EnvConfig, parallel_env
from c2c_env.episodes import episode_file, history
from c2c_env.episodes.episode import EpisodeError, ModelText, StepChecks
from c2c_env.episodes.episode_file import is_episode_file, memory_fault, read_episode, write_episode, write_episode_into
from c2c_env.episodes.history import simulate
from c2c_env.make import make_batch
from training.episodes.sources import play_episode

TEXT = ModelText(2, (1,), (("system", "Rules."), ("user", "<b>Board</b>")), "work: s0", ("valid",), 12, 3, 0.25)


@pytest.fixture(scope="module")
def episode():
    env = parallel_env("csv-import-tool", 3)
    env.reset(seed=5)
    return replace(recorded(env, policies=("boss", "a", "b"), policy_seed=7), texts=(TEXT,))


@pytest.fixture
def path(episode, tmp_path):
    return write_episode_into(tmp_path, episode)


def document(path):
    return json.loads(gzip.decompress(path.read_bytes()))


def put(path, content, *, checked=True):
    """Write a document, with a checksum that fits or the one that it has."""
    kept = {key: value for key, value in content.items() if key != "checksum"}
    checksum = episode_file._checksum(kept) if checked else content["checksum"]
    path.write_bytes(gzip.compress(json.dumps({**kept, "checksum": checksum}).encode()))


def assert_equal(one, other):
    np.testing.assert_array_equal(one.actions, other.actions)
    np.testing.assert_array_equal(one.factors, other.factors)
    same = {"actions": None, "factors": None}
    assert vars(one) | same == vars(other) | same


def test_what_is_written_is_read_again(episode, path):
    assert_equal(read_episode(path), episode)
    assert (episode.policies, episode.policy_seed) == (("boss", "a", "b"), 7)
    assert is_episode_file(path)
    assert path.name.startswith("csv-import-tool-boss-with-a-and-b--seed5--")


def test_the_same_episode_gives_the_same_name_and_bytes_and_another_one_others(episode, path, tmp_path):
    again = tmp_path / "again"
    write_episode(read_episode(path), again)
    assert again.read_bytes() == path.read_bytes()
    other = replace(episode, policy_seed=8)
    assert write_episode_into(tmp_path, other).name != path.name
    assert write_episode_into(tmp_path, episode) == path
    assert write_episode_into(tmp_path, replace(episode, number=3)).name.count("seed5-3") == 1


def test_factors_are_kept(episode, tmp_path):
    factors = np.ones_like(episode.factors)
    factors[2, 1] = 0.25
    write_episode(replace(episode, factors=factors), tmp_path / "file")
    np.testing.assert_array_equal(read_episode(tmp_path / "file").factors, factors)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 4), variants=st.sampled_from([0, 2]), symbols=st.integers(0, 2))
def test_random_environments_survive_the_file(tmp_path_factory, seed, size, variants, symbols):
    rng = np.random.default_rng(seed)
    env = random_env(rng, agents=size, hidden_facts=variants, vocab_size=symbols, max_agents=6, max_subtasks=8)
    episode = recorded(env, rng)
    path = tmp_path_factory.mktemp("episode") / "file"
    write_episode(episode, path)
    assert simulate(read_episode(path)).metrics["steps"] == episode.length


# --- damage ------------------------------------------------------------------------------------------------------


@given(cut=st.floats(0, 0.999))
def test_a_truncated_file_is_an_error(tmp_path_factory, episode, cut):
    path = tmp_path_factory.mktemp("cut") / "file"
    write_episode(episode, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(EpisodeError, match="episode file"):
        read_episode(path)


@given(place=st.floats(0, 0.999), flipped=st.integers(1, 255))
def test_a_file_with_a_wrong_byte_is_an_error_or_the_same_episode(tmp_path_factory, episode, place, flipped):
    path = tmp_path_factory.mktemp("flip") / "file"
    write_episode(episode, path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= flipped
    path.write_bytes(content)
    try:
        found = read_episode(path)
    except EpisodeError:
        return
    assert_equal(found, episode)  # a byte of gzip's head, such as its time


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (lambda c: c.pop("seed"), "there is no key 'seed'"),
        (lambda c: c.__setitem__("sede", 1), "unknown key 'sede'; did you mean 'seed'"),
        (lambda c: c.__setitem__("format", 2), "has format 2, expected 1"),
        (lambda c: c.__setitem__("seed", -1), r"seed is -1, expected an integer in \[0, 18446744073709551615\]"),
        (lambda c: c.__setitem__("policies", ["a"]), "1 policies for 3 agents"),
        (lambda c: c.__setitem__("policies", "a"), "policies is 'a', expected a list"),
        (lambda c: c["actions"].pop(), "digits of checks, expected 8 for each of"),
        (lambda c: c["actions"][0].pop(), "damaged"),
        (lambda c: c.__setitem__("actions", []), r"of shape \(0,\), expected integers of shape \(steps, 3, 4\)"),
        (lambda c: c["actions"][0][0].__setitem__(0, 0.5), "actions hold '0.5', expected integers"),
        (lambda c: c["actions"][0][0].__setitem__(0, 2**40), "expected 32-bit integers"),
        (lambda c: c["actions"][0][0].__setitem__(0, "x"), "actions hold 'x', expected integers"),
        (lambda c: c["actions"][0][0].__setitem__(0, True), "actions hold 'True', expected integers"),
        (lambda c: c["actions"][0][0].__setitem__(0, -(2**31) - 1), "actions go from -2147483649 to"),
        (lambda c: c["actions"][0].__setitem__(0, 5), "actions are not lists of numbers, 3 within each other"),
        (lambda c: c.__setitem__("factors", [["0.5"] * 3] * len(c["actions"])), "factors hold '0.5', expected numbers"),
        (lambda c: c.__setitem__("factors", [[2.0]]), r"factors have shape \(1, 1\), expected numbers in \[0, 1\]"),
        (lambda c: c.__setitem__("checks", "xyz"), "checks is 'xyz', expected hexadecimal digits"),
        (lambda c: c["config"].__setitem__("dtt", 1), "unknown constant 'dtt'; did you mean 'dt'"),
        (lambda c: c["config"].__setitem__("dt", -1), "dt is -1, expected"),
        (lambda c: c["config"].__setitem__("max_agents", 30_000), "takes too much memory"),
        (lambda c: c["workflow"].__setitem__("tier", "easy"), "unknown tier 'easy'"),
        (lambda c: c["workflow"]["subtasks"][0].__setitem__("effort", -1), "effort is -1"),
        (lambda c: c["team"]["skills"][0].__setitem__(0, 3), "expected"),
        (lambda c: c["texts"][0].__setitem__("step", 10**6), "a text is damaged: 1 fault\n  - step is 1000000"),
        (lambda c: c["texts"][0].__setitem__("agents", [3]), r"agents is 3, expected an integer in \[0, 2\]"),
        (lambda c: c["texts"][0].__setitem__("anser", ""), "unknown key of a text 'anser'; did you mean 'answer'"),
        (lambda c: c["texts"][0].__setitem__("prompt", [["user"]]), "damaged"),
        (lambda c: c["texts"][0].__setitem__("reasons", [3]), "reasons is 3, expected"),
    ],
)
def test_an_edited_file_is_an_error_that_says_where(path, edit, error):
    content = document(path)
    edit(content)
    put(path, content)
    with pytest.raises(EpisodeError, match=error):
        read_episode(path)


def test_an_edit_without_the_checksum_is_found(path):
    content = document(path)
    content["actions"][0][1][0] += 1
    put(path, content, checked=False)
    with pytest.raises(EpisodeError, match="its checksum does not fit its content"):
        read_episode(path)


def test_an_edit_with_the_checksum_is_found_when_it_is_simulated(episode, path):
    content = document(path)
    assert any(speech for _, speech, _, _ in content["actions"][4])
    content["actions"][4] = [[0, 0, 0, 0]] * 3
    put(path, content)
    with pytest.raises(EpisodeError, match=r"step 5 does not come out as it was recorded, with c2c_env"):
        simulate(read_episode(path))


@pytest.mark.parametrize(
    ("policies", "player"),
    [
        (("a",) * 3, "a"),
        (("",) * 3, "unknown"),
        (("a", "human", "a"), "human with a"),
        (("", "", "b"), "b with unknown"),
    ],
)
def test_who_played_is_said_in_a_few_words(episode, policies, player):
    assert replace(episode, policies=policies).player == player


CHECKED = [
    *("debt", "last_work", "spoken_hours", "remaining", "status", "owner", "worked_hours", "aligned_hours"),
    *("understanding", "request_topic", "tally"),
]


@pytest.mark.parametrize("name", CHECKED)
def test_a_check_depends_on_every_array(episode, name):
    batch = episode.batch()
    before = StepChecks().next(batch)
    array = getattr(batch.state, name)
    array[(0,) * array.ndim] += 1
    assert StepChecks().next(batch) != before


def test_a_check_depends_on_the_rewards_and_on_the_checks_before(episode):
    batch, checks = episode.batch(), StepChecks()
    first = checks.next(batch)
    assert checks.next(batch) != first == StepChecks().next(batch)
    batch.out.reward_terms[0, 0, 0] += 1
    assert StepChecks().next(batch) != first


@pytest.mark.parametrize("place", range(8))
def test_every_digit_of_a_check_counts(episode, place):
    last = episode.checks[-1]
    other = last[:place] + f"{(int(last[place], 16) + 1) % 16:x}" + last[place + 1 :]
    with pytest.raises(EpisodeError, match=f"step {episode.length} does not come out"):
        simulate(replace(episode, checks=(*episode.checks[:-1], other)))


def test_an_episode_without_its_end_is_an_error(episode):
    cut = replace(episode, actions=episode.actions[:5], factors=episode.factors[:5], checks=episode.checks[:5])
    with pytest.raises(EpisodeError, match="does not end with step 5"):
        simulate(cut)


def test_an_episode_that_goes_on_after_its_end_is_an_error(episode):
    longer = replace(
        episode,
        actions=np.concatenate([episode.actions, episode.actions[:1]]),
        factors=np.concatenate([episode.factors, episode.factors[:1]]),
        checks=(*episode.checks, "0" * 8),
    )
    with pytest.raises(EpisodeError, match=f"ended at step {episode.length}, but {episode.length + 1} steps"):
        simulate(longer)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1, 2]", b"null", b'{"format": 1', b"\xff\xfe", b"[" * 10**5])
def test_what_is_no_episode_is_an_error(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(EpisodeError, match="episode file"):
        read_episode(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(EpisodeError, match=r"cannot read episode file .*: No such file"):
        read_episode(tmp_path / "none")


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(episode_file, "MOST_EPISODE_BYTES", 10_000)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b" " * 10_001))
    assert path.stat().st_size < 100
    with pytest.raises(EpisodeError, match="holds more than 10,000 bytes"):
        read_episode(path)


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'"",', b'{"":"a,b"},', b"0.5,,"])
def test_many_small_values_are_not_made(tmp_path, monkeypatch, piece):
    # 2,000 times two signs that begin a value, while the texts of the other file hold as many commas
    monkeypatch.setattr(episode_file, "MOST_PIECES", 3_000)
    monkeypatch.setattr(episode_file, "parse_json", lambda *given: pytest.fail("it was parsed"))
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"[" + 2_000 * piece))
    with pytest.raises(EpisodeError, match="holds more than 3,000 values, which no episode does"):
        read_episode(path)


@pytest.mark.parametrize("text", ["," * 50_000, '"\\[{' * 50_000])
def test_signs_within_texts_are_no_values(episode, tmp_path, monkeypatch, text):
    long = replace(episode, texts=(replace(TEXT, answer=text),))
    write_episode(long, tmp_path / "file")
    monkeypatch.setattr(episode_file, "MOST_PIECES", 10_000)
    assert read_episode(tmp_path / "file").texts == long.texts


# Each head without the time of day: a case's name is made of its bytes, and workers must agree on it.
@pytest.mark.parametrize("more", [gzip.compress(b"", mtime=0), gzip.compress(b" ", mtime=0), b"more"])
def test_what_follows_the_compressed_content_is_an_error(path, more):
    path.write_bytes(path.read_bytes() + more)
    with pytest.raises(EpisodeError, match=f"{len(more)} bytes follow its compressed content"):
        read_episode(path)


def test_reasons_are_kept_and_take_no_place_where_there_are_none(episode, path, tmp_path):
    assert "reasons" not in document(path)["texts"][0]
    told = replace(episode, texts=(TEXT, replace(TEXT, reasons=("work 's9' does not exist",))))
    write_episode(told, tmp_path / "told")
    assert read_episode(tmp_path / "told").texts == told.texts


def test_texts_are_no_numbers_whose_array_would_be_as_wide_as_the_longest(path):
    content = document(path)
    content["actions"] = [[["a" * 10**5]], *[[[""]]] * 10**5]  # 40 gigabytes as an array of texts
    put(path, content)
    with pytest.raises(EpisodeError, match=r"actions hold 'a{50}', expected integers"):
        read_episode(path)


def test_a_late_horizon_takes_no_memory_and_a_long_episode_is_refused(monkeypatch):
    episode = play_episode(make_batch("csv-import-tool", 3), "proactive", 0)
    late = episode.config.with_fields(horizon=10**9)
    assert simulate(replace(episode, config=late)).metrics["steps"] == episode.length
    # one step more than there is room for: 3 agents and 8 subtasks at the start and after every step
    assert len(episode.workflow.subtasks) == 8
    monkeypatch.setattr(history, "MOST_ALIGNMENTS", 24 * (episode.length + 1))
    simulate(episode)
    monkeypatch.setattr(history, "MOST_ALIGNMENTS", 24 * episode.length + 23)
    with pytest.raises(EpisodeError, match=f"has {episode.length} steps of 3 agents and 8 subtasks, which take too"):
        simulate(episode)


def test_memory_is_bounded_by_every_size():
    usual = EnvConfig()
    assert memory_fault(usual, 64, 500) == ""
    for config, agents, subtasks in (
        (usual, 5, 5000),
        (usual, 5000, 5),
        (usual.with_fields(max_subtasks=30_000), 5, 5),
        (usual.with_fields(vocab_size=30_000), 60, 60),
        (usual.with_fields(hidden_facts=30_000), 60, 60),
        (usual.with_fields(email=replace(usual.email, latency=30_000)), 60, 5),
    ):
        assert "takes too much memory" in memory_fault(config, agents, subtasks)
