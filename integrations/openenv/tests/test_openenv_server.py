"""A client plays on a server on loopback, which is a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from rule_server import answer_by_rule

from c2c_openenv import C2CAction, C2CEnv
from c2c_openenv.server.c2c_environment import C2CEnvironment, TextGame, TextTask

PATIENCE = 120  # seconds until the server has to listen
SILENCE = '{"work": null, "speech": "silent", "recipient": null, "topic": null, "text": ""}'


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = tmp_path_factory.mktemp("server") / "output"
    command = [sys.executable, "-m", "c2c_openenv.server.app", "--host", "127.0.0.1", "--port", str(port)]
    with said.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}", server, said)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(url, server, said):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            return urllib.request.urlopen(f"{url}/health", timeout=5)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(said.read_text())


@pytest.fixture
def env(url):
    with C2CEnv(base_url=url).sync() as client:
        yield client


def answers_by_rule(prompts):
    """Answers of all seats, to prompts of the client or of the game."""
    return {name: answer_by_rule({"messages": [as_dict(one) for one in said]}) for name, said in prompts.items()}


def as_dict(message):
    role, content = message if isinstance(message, tuple) else (message.role, message.content)
    return {"role": role, "content": content}


def played(env, **options):
    """The prompts of the first two steps, the rewards of all steps, and the last observation."""
    result = env.reset(**options)
    prompts, rewards = [result.observation.prompts], []
    while not result.done:
        result = env.step(C2CAction(answers=answers_by_rule(result.observation.prompts)))
        prompts.append(result.observation.prompts)
        rewards.append(result.reward)
    return prompts[:2], rewards, result.observation


def rewards_of_game(task, seats, **options):
    """What the game itself rewards, with the same answers: the sum over seats, step by step."""
    game, rewards = TextGame(seats, **options), []
    game.start(task)
    while not game.ended:
        outcomes = game.step(answers_by_rule(game.prompts()))
        rewards.append(sum(outcome.reward for outcome in outcomes.values()))
    return rewards, game.metrics


def test_a_client_plays_an_episode_and_gets_the_rewards_of_the_game(env):
    _, rewards, last = played(env, split="test", index=3, team_size=3, seats="all")
    expected, metrics = rewards_of_game(TextTask("test", "simple", 3, 3), "all")
    assert rewards == expected
    assert len(rewards) > 5
    assert env.state().total_reward == pytest.approx(sum(expected), abs=1e-12)
    assert last.metrics == metrics
    assert last.metrics["success"] == 1.0
    assert last.prompts == {}
    assert last.answer_schema == {}
    assert [outcome.label for outcome in last.outcomes.values()] == ["valid"] * 3


def test_one_seat_is_played_among_partners(env):
    result = env.reset(split="train", index=17, seats="worker_2", partners="no_communication")
    assert list(result.observation.prompts) == ["worker_2"]
    assert result.observation.task == "train/simple/n5/17"
    assert "speech" in result.observation.answer_schema["properties"]
    answer = answers_by_rule(result.observation.prompts)["worker_2"]
    result = env.step(C2CAction(answer=answer))
    game = TextGame("worker_2", partners="no_communication")
    game.start(TextTask("train", "simple", 5, 17))
    assert result.reward == game.step({"worker_2": answer})["worker_2"].reward
    state = env.state()
    assert (state.step_count, state.seats, state.ended) == (1, ["worker_2"], False)


def test_equal_tasks_give_equal_prompts_and_rewards_and_other_tasks_others(env):
    first = played(env, split="validation", index=2, team_size=3, seats=["worker_1"])
    again = played(env, split="validation", index=2, team_size=3, seats=["worker_1"])
    other = played(env, split="validation", index=4, team_size=3, seats=["worker_1"])
    assert first[:2] == again[:2]
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_a_seed_chooses_the_task(env):
    tasks = [env.reset(seed=seed).observation.task for seed in (1, 1, 2)]
    assert tasks[0] == tasks[1] != tasks[2]


def test_sessions_that_play_at_once_do_not_mix(url):
    def play(index):
        with C2CEnv(base_url=url).sync() as client:
            return played(client, split="test", index=index, team_size=3, seats="all")[1]

    with ThreadPoolExecutor(4) as pool:
        rewards = list(pool.map(play, range(4)))
    expected = [rewards_of_game(TextTask("test", "simple", 3, index), "all")[0] for index in range(4)]
    assert rewards == expected
    assert len({tuple(one) for one in rewards}) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split": "tran"}, "unknown split 'tran'; did you mean 'train'"),
        ({"split": "test", "index": 10_000}, r"index is 10000, expected an integer in \[0, 9999\]"),
        ({"team_size": 33}, "team_size is 33, expected at most 32"),
        ({"seats": "worker_9"}, "worker_9"),
        ({"partners": "proactiv"}, "did you mean 'proactive'"),
        ({"partners": "os:getcwd"}, "unknown policy 'os:getcwd'"),
        ({"reward": "tem"}, "did you mean 'team'"),
        ({"idx": 3}, "unknown argument of reset 'idx'; did you mean 'index'"),
    ],
)
def test_a_bad_reset_is_told_and_the_episode_before_goes_on(env, options, said):
    env.reset(split="test", index=1)
    env.step(C2CAction(answer=SILENCE))
    with pytest.raises(RuntimeError, match=said):
        env.reset(**options)
    env.step(C2CAction(answer=SILENCE))
    assert (env.state().step_count, env.state().task) == (2, "test/simple/n5/1")


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({}, "got both or neither of answer and answers"),
        ({"answer": SILENCE, "answers": {"worker_1": SILENCE}}, "got both or neither"),
        ({"answer": SILENCE}, "got one answer for 2 seats, expected answers of worker_1, worker_2"),
        ({"answers": {"worker_1": SILENCE}}, "there is no answer of worker_2"),
        ({"answers": {"worker_1": SILENCE, "worker_2": SILENCE, "worker_3": SILENCE}}, "unknown seat 'worker_3'"),
    ],
)
def test_bad_answers_are_told_and_the_step_is_still_to_be_taken(env, action, said):
    env.reset(split="test", index=1, seats=["worker_1", "worker_2"])
    with pytest.raises(RuntimeError, match=said):
        env.step(C2CAction(**action))
    assert env.state().step_count == 0
    result = env.step(C2CAction(answers={"worker_1": SILENCE, "worker_2": "I do not know."}))
    assert [result.observation.outcomes[name].label for name in ("worker_1", "worker_2")] == ["valid", "invalid"]


def test_a_step_needs_an_episode_that_goes_on(env):
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(C2CAction(answer=SILENCE))
    assert env.state().task is None
    played(env, split="test", index=3, team_size=3, seats=["worker_1"])
    with pytest.raises(RuntimeError, match="it is over; call reset"):
        env.step(C2CAction(answer=SILENCE))
    assert env.reset(split="test", index=3).observation.task == "test/simple/n5/3"


def test_tasks_are_listed_and_can_be_played(url, env):
    def ask(what, **body):
        return requests.post(f"{url}/c2c_openenv/{what}", json=body, timeout=30)

    splits = requests.get(f"{url}/c2c_openenv/splits", timeout=30).json()
    assert [split["name"] for split in splits] == ["train", "validation", "test"]
    counts = [ask("num_tasks", split=split["name"]).json()["num_tasks"] for split in splits]
    assert counts == [1_000_000, 10_000, 10_000]
    task = ask("task", split="test", index=7).json()["task"]
    assert (
        env.reset(**{key: task[key] for key in ("split", "index", "tier", "team_size")}).observation.task == task["id"]
    )
    names = [one["id"] for one in ask("task_range", split="test", start=5, stop=8).json()["tasks"]]
    assert names == ["test/simple/n5/5", "test/simple/n5/6", "test/simple/n5/7"]
    assert len(ask("tasks", split="train").json()["tasks"]) == 1000
    bad = [("task", {"split": "tests", "index": 0}), ("task", {"split": "test", "index": 10_000})]
    bad += [("task", {"split": "test", "index": -1}), ("task_range", {"split": "train"})]
    assert [ask(what, **body).status_code for what, body in bad] == [400] * 4


def test_prompts_of_the_environment_itself_are_those_of_the_game():
    environment, game = C2CEnvironment(), TextGame("manager_0")
    game.start(TextTask("train", "simple", 3, 5))
    prompts = environment.reset(index=5, team_size=3, seats="manager_0").prompts["manager_0"]
    assert [(one.role, one.content) for one in prompts] == list(game.prompts()["manager_0"])


@pytest.mark.parametrize("target", ["folder", "server"])
def test_openenv_validates(url, target):
    where = [str(Path(__file__).parents[1]), "--level", "static"] if target == "folder" else [url]
    command = [sys.executable, "-m", "openenv.cli", "validate", *where]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Verdict: PASS" in done.stdout
