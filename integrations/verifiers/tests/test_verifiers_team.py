"""The library's own runner evaluates teams, on a server that answers by rule."""

from __future__ import annotations

import asyncio
import json
import math

import pytest
import verifiers.v1 as vf
from rule_server import RuleServer, answer_by_rule
from verifiers.v1.cli.eval.runner import run_eval
from verifiers.v1.configs.cli.eval import EvalConfig

from c2c_team import TeamEnvConfig, TeamTaskset, TeamTasksetConfig
from c2c_team.env import TextGame, TextTask


@pytest.fixture
def server():
    with RuleServer() as running:
        yield running


def evaluated(server, folder, *, tasks=None, **env):
    """The episodes of an evaluation."""
    taskset = {"id": "c2c-team", "split": "test", "count": 1, **(tasks or {})}
    config = EvalConfig(
        env={"taskset": taskset, **env}, model="rule", client={"type": "eval", "base_url": server.url},
        push=False, rich=None, output_dir=folder,
    )  # fmt: skip
    return asyncio.run(run_eval(config))


def played(task, seats="all", answer=answer_by_rule, **options):
    """The rewards of each seat step by step, and the prompts and metrics, of the game itself with the same answers."""
    game = TextGame(seats, **options)
    game.start(task)
    rewards, prompts = {name: [] for name in game.seats}, []
    while not game.ended:
        asked = {name: as_dicts(messages) for name, messages in game.prompts().items()}
        prompts += ["\n".join(one["content"] for one in messages) for messages in asked.values()]
        for name, outcome in game.step({name: answer({"messages": said}) for name, said in asked.items()}).items():
            rewards[name].append(outcome.reward)
    return rewards, prompts, game.metrics


def as_dicts(messages):
    return [{"role": role, "content": content} for role, content in messages]


def by_seat(episode):
    assert episode.ok, episode.errors
    return {trace.info["seat"]: trace for trace in episode.traces}


@pytest.mark.parametrize("team_size", [3, 5])
def test_every_seat_is_asked_every_step_and_rewarded_as_in_the_game(server, tmp_path, team_size):
    [episode] = evaluated(server, tmp_path, tasks={"team_sizes": [team_size], "first": 3})
    traces = by_seat(episode)
    rewards, prompts, metrics = played(TextTask("test", "simple", team_size, 3))
    assert episode.task.data.name == f"test/simple/n{team_size}/3"
    assert sorted(traces) == sorted(rewards)
    assert len(rewards) == team_size
    assert sorted(server.prompts) == sorted(prompts)
    for name, trace in traces.items():
        assert trace.info["rewards"] == rewards[name]
        assert math.isfinite(trace.reward)
        assert trace.reward == pytest.approx(sum(rewards[name]), abs=1e-12)
        assert trace.agent.name == ("manager" if name == "manager_0" else "worker")
        assert trace.num_turns == trace.num_branches == metrics["steps"]
        assert trace.metrics["invalid_answers"] == 0
        kept = ("success", "completion_time", "communication_hours")
        assert [trace.metrics[kind] for kind in kept] == [metrics[kind] for kind in kept]


def test_what_the_runner_writes_holds_rewards_and_metrics(server, tmp_path):
    evaluated(server, tmp_path, tasks={"team_sizes": [3]})
    [file] = tmp_path.rglob("traces.jsonl")
    text = file.read_text(encoding="utf-8")
    assert text.count('"completion_time"') == 3
    assert all(json.loads(line) for line in text.splitlines())


def test_one_seat_is_played_among_partners(server, tmp_path):
    options = {"seats": ["worker_2"], "partners": "no_communication"}
    [episode] = evaluated(server, tmp_path, tasks={"team_sizes": [4]}, **options)
    traces = by_seat(episode)
    rewards, prompts, _ = played(TextTask("test", "simple", 4, 0), **options)
    assert list(traces) == ["worker_2"]
    assert traces["worker_2"].info["rewards"] == rewards["worker_2"]
    assert server.prompts == prompts


def test_an_answer_that_is_none_is_counted_and_the_others_play_on(server, tmp_path):
    def answer(body):
        mute = "\n\nYou are worker_1." in body["messages"][-1]["content"]
        return "I do not know." if mute else answer_by_rule(body)

    server.rule = answer
    [episode] = evaluated(server, tmp_path, tasks={"team_sizes": [3]})
    traces, (rewards, _, metrics) = by_seat(episode), played(TextTask("test", "simple", 3, 0), answer=answer)
    assert {name: trace.info["rewards"] for name, trace in traces.items()} == rewards
    assert {name: trace.metrics["invalid_answers"] for name, trace in traces.items()} == {
        "manager_0": 0, "worker_1": metrics["steps"], "worker_2": 0,
    }  # fmt: skip


def test_seats_are_asked_at_once_where_it_is_allowed(server, tmp_path):
    server.delay = 0.05
    evaluated(server, tmp_path, tasks={"team_sizes": [3]}, max_concurrent_agents=None)
    assert server.most == 3


def test_a_limit_ends_the_episode_for_all(server, tmp_path):
    [episode] = evaluated(server, tmp_path, tasks={"team_sizes": [3]}, worker={"max_turns": 2})
    rewards, _, _ = played(TextTask("test", "simple", 3, 0))
    for name, trace in by_seat(episode).items():
        assert trace.info["rewards"] == rewards[name][:2]
        assert (trace.metrics["steps"], trace.metrics["success"]) == (2, 0)


def test_a_model_that_fails_fails_the_episode(server, tmp_path):
    server.fault = lambda number, body: "status_400" if number >= 4 else None
    [episode] = evaluated(server, tmp_path, tasks={"team_sizes": [3]})
    assert not episode.ok
    errors = [error for trace in episode.traces for error in trace.errors]
    assert any("context too long" in error.message for error in errors)


def test_tiers_and_team_sizes_take_turns():
    config = TeamTasksetConfig(
        id="c2c-team", split="validation", tiers=["simple", "medium"], team_sizes=[3, 8], count=5, first=40
    )
    names = [task.data.name for task in TeamTaskset(config)]
    assert names == [
        "validation/simple/n3/40", "validation/medium/n3/40", "validation/simple/n8/40", "validation/medium/n8/40",
        "validation/simple/n3/41",
    ]  # fmt: skip


def test_a_name_that_is_none_is_told_with_the_nearest_one(server, tmp_path):
    for options, said in [
        ({"seats": ["worker_1"], "partners": "proactiv"}, "did you mean 'proactive'"),
        ({"reward": "tem"}, "did you mean 'team'"),
        ({"seats": ["worker_9"]}, "worker_9"),
    ]:
        [episode] = evaluated(server, tmp_path, tasks={"team_sizes": [3]}, **options)
        assert said in episode.errors[-1].message
    assert server.prompts == []


def test_the_system_prompt_of_the_taskset_goes_before_that_of_the_game(server, tmp_path):
    (tmp_path / "prompt.txt").write_text("Answer as you were told.", encoding="utf-8")
    tasks = {"team_sizes": [2], "system_prompt": str(tmp_path / "prompt.txt")}
    evaluated(server, tmp_path, tasks=tasks, manager={"max_turns": 1})
    assert all(prompt.startswith("Answer as you were told.\nTeam (skills 0-1):") for prompt in server.prompts)


def test_the_library_finds_all_that_the_package_exports():
    assert vf.environment_class("c2c-team").__name__ == "TeamEnv"
    assert vf.default_agent_harness("c2c-team").id == "c2c-team"
    assert isinstance(EvalConfig(env={"taskset": {"id": "c2c-team"}}).env, TeamEnvConfig)
