"""The data of the page, field by field against a batch that is stepped by hand and never asked for a history."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from recorded import recorded
from simulate import random_env

from c2c_env import EnvConfig, Subtask, Team, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.episodes.episode import ModelText
from c2c_env.episodes.history import simulate
from c2c_env.errors import ConfigError
from c2c_env.metrics import METRICS
from c2c_env.render.page.page_data import page_data

EVERYTHING = {
    "volatility": 0.05, "rework_probability": 0.9, "milestones": 0.3, "vocab_size": 3, "hidden_facts": 2,
    "max_agents": 6, "max_subtasks": 9, "horizon": 40, "dt": 0.3,
}  # fmt: skip
NEEDS = Workflow(
    "needs", "simple",
    (Subtask("a", "data", 1.0, 0.8), Subtask("b", "quality", 2.0, 1.2, ("a",), title="B"),
     Subtask("c", "backend", 0.0, 1.0, ("a", "b"))),
)  # fmt: skip
CALM = {"rework_probability": 0.0, "volatility": 0.0}


def random_episode(seed, **fields):
    rng = np.random.default_rng(seed)
    env = random_env(rng, agents=4, subtasks=7, **{**EVERYTHING, **fields})
    return recorded(env, rng, policies="proactive")


def by_hand(episode):
    """The state of a batch at the start and after each step, and its rewards by term."""
    batch = episode.batch()
    states, rewards = [copied(batch)], []
    for actions in episode.actions:
        batch.action_buffer[0] = actions
        batch.step_written()
        states.append(copied(batch))
        rewards.append(batch.reward_terms[0, :, :4].mean(axis=0))
    return batch, states, rewards


def copied(batch):
    return type(batch.state)(*(array[0].copy() for array in batch.state))


def mean_alignment(episode, state):
    """Effort-weighted, of whoever holds each subtask: its owner, else the first of the most skilled in its domain."""
    workflow, total = episode.workflow, 0.0
    skills = np.array(episode.team.skills)
    for k, (subtask, domain) in enumerate(zip(workflow.subtasks, workflow.domain_indices(), strict=True)):
        holder = state.owner[k] if state.owner[k] >= 0 else skills[:, domain].argmax()
        done = state.status[k] == c.DONE
        total += subtask.effort * (state.finish_alignment[k] if done else state.alignment[holder, k])
    return total / sum(subtask.effort for subtask in workflow.subtasks)


def near(shown, wanted, digits):
    np.testing.assert_allclose(shown, wanted, atol=0.51 * 10.0**-digits, rtol=0)


@pytest.mark.parametrize("action_format", ["multi_discrete", "discrete"])
@pytest.mark.parametrize("seed", range(4))
def test_every_moment_is_that_of_a_batch_stepped_by_hand(seed, action_format):
    plain = {"vocab_size": 0, "hidden_facts": 0} if action_format == "discrete" else {}
    episode = random_episode(seed, action_format=action_format, **plain)
    data = page_data([simulate(episode)])
    (shown,) = data["episodes"]
    batch, states, rewards = by_hand(episode)
    n, k = 4, len(episode.workflow.subtasks)
    effort = np.array([subtask.effort for subtask in episode.workflow.subtasks])
    assert shown["steps"] == episode.length == len(states) - 1
    for t, state in enumerate(states):
        near(shown["remaining"][t], state.remaining[:k], 4)
        assert shown["status"][t] == state.status[:k].tolist()
        assert shown["owner"][t] == state.owner[:k].tolist()
        near(np.array(shown["alignment"][t]) / 1000, state.alignment[:n, :k], 3)
        near(shown["debt"][t], state.debt[:n], 4)
        near(shown["progress"][t], 1 - state.remaining[:k].sum() / effort.sum(), 4)
        near(shown["mean_alignment"][t], mean_alignment(episode, state), 4)
        near(shown["communication_hours"][t], state.tally[c.COMMUNICATION_HOURS], 4)
    for t, state in enumerate(states[1:]):
        action = state.action[:n]
        assert shown["wanted"][t] == (action[:, c.WORK] - 1).tolist()
        assert shown["work"][t] == state.last_work[:n].tolist()
        hours = np.array(shown["hours"][t])  # working, sending, reading, meeting, wasted, idle
        near(hours[:, 1:4].sum(axis=1), state.spoken_hours[:n], 3)
        near(hours[:, [0, 4, 5]].sum(axis=1), state.work_hours[:n], 3)
        near(hours[:, 5] * (action[:, c.WORK] > 0), 0, 4)
        before = states[t].tally
        near(hours[:, 0].sum(), state.tally[c.WORK_HOURS] - before[c.WORK_HOURS], 3)
        near(hours[:, 4].sum(), state.tally[c.WASTED_HOURS] - before[c.WASTED_HOURS], 3)
        near(shown["reward_terms"][t], rewards[t], 6)
        to = np.where(action[:, c.RECIPIENT] == 6, n, action[:, c.RECIPIENT])  # 6 is the team of this padding
        assert [row[:4] for row in shown["actions"][t]] == [
            [row[c.WORK], row[c.SPEECH], whom, row[c.TOPIC]] for row, whom in zip(action.tolist(), to, strict=True)
        ]
    assert shown["success"] is bool(batch.terminated[0])
    wanted = {name: None if math.isnan(value) else value for name, value in batch.metrics(0).items()}
    assert shown["metrics"] == wanted
    assert data["metric_meanings"] == METRICS
    assert shown["policy"] == "proactive"
    json.dumps(data, allow_nan=False)


@pytest.mark.parametrize("seed", range(4))
def test_every_message_and_event_is_that_of_a_batch_stepped_by_hand(seed):
    episode = random_episode(seed)
    (shown,) = page_data([simulate(episode)])["episodes"]
    batch, states, _ = by_hand(episode)
    params = batch.params
    said = [
        (t, i, row[c.SPEECH], -1 if row[c.RECIPIENT] == 6 else row[c.RECIPIENT], row[c.TOPIC], row[c.SYMBOL])
        for t, state in enumerate(states[1:], 1)
        for i, row in enumerate(state.action[:4].tolist())
        if row[c.SPEECH] != c.SILENT
    ]
    messages = shown["messages"]
    found = [
        (m["sent"], m["sender"], c.SPEECHES.index(m["speech"]), m["recipient"], m["topic"], m["symbol"])
        for m in messages
    ]
    assert sorted(found) == said
    assert {m["speech"] for m in messages} >= {"meet", "chat_tell", "email_ask"}
    assert any(m["refused"] for m in messages) or seed == 1
    for message in messages:
        channel = c.CHANNEL_OF_SPEECH[c.SPEECHES.index(message["speech"])]
        assert message["channel"] == channel
        assert message["hours"] == (0.0 if message["refused"] else round(float(params.send_hours[channel]), 4))
        read_at = message["sent"] + int(params.latency[channel])
        due = read_at <= episode.length and not message["refused"]
        assert bool(message["readings"]) == due
        if due and message["speech"] != "meet":
            to = message["recipient"]
            assert [r["agent"] for r in message["readings"]] == [
                i for i in range(4) if i != message["sender"] and to in (-1, i)
            ]
        for reading in message["readings"]:
            state = states[reading["step"]]
            assert reading["step"] == read_at
            host = message["speech"] == "meet" and reading["agent"] == message["sender"]
            assert reading["hours"] == (0.0 if host else round(float(params.read_hours[channel]), 4))
            assert state.read_step[reading["agent"], message["sender"]] == read_at or host
            assert len(reading["before"]) == len(reading["after"]) == 4
            assert all(after >= before for before, after in zip(reading["before"], reading["after"], strict=True))
    counted = {kind: sum(e["kind"] == kind for e in shown["events"]) for kind in ("rework", "changed", "meeting")}
    last = batch.metrics(0)
    wanted = {"rework": last["reworks"], "changed": last["requirement_changes"], "meeting": last["messages_meeting"]}
    assert counted == wanted
    done = [
        (t, k)
        for t, (before, after) in enumerate(pairwise(states), 1)
        for k in range(len(episode.workflow.subtasks))
        if after.status[k] == c.DONE and before.status[k] != c.DONE
    ]
    assert [(e["step"], e["subtask"]) for e in shown["events"] if e["kind"] == "finished"] == done


def test_the_workflow_and_the_team_are_told():
    config = EnvConfig(dt=0.25, horizon=9, **CALM)
    skills = tuple((0.1 * i, 0.2, 0.3, 0.4, 0.5) for i in (1, 2, 3))
    env = parallel_env(replace(NEEDS, title="Three"), team=Team(skills), config=config)
    env.reset(seed=2**63 + 1)
    data = page_data([simulate(recorded(env))])
    assert data["workflow"] == {"name": "needs", "title": "Three", "tier": "simple"}
    assert data["agents"] == ["manager_0", "worker_1", "worker_2"]
    np.testing.assert_allclose(data["skills"], skills)
    assert data["subtasks"] == [
        {"id": "a", "title": "a", "domain": NEEDS.domains.index("data"), "effort": 1.0, "complexity": 0.8, "needs": []},
        {"id": "b", "title": "B", "domain": NEEDS.domains.index("quality"), "effort": 2.0, "complexity": 1.2,
         "needs": [0]},
        {"id": "c", "title": "c", "domain": NEEDS.domains.index("backend"), "effort": 0.0, "complexity": 1.0,
         "needs": [0, 1]},
    ]  # fmt: skip
    assert (data["dt"], data["horizon"], data["seed"]) == (0.25, 9, "9223372036854775809")
    assert data["lower_bound"] == env.batch.params.lower_bound[0]
    assert (data["domains"], data["channels"]) == (list(NEEDS.domains), ["chat", "email", "meeting"])
    assert data["facets"] == ["intent", "interface", "constraints", "context"]
    assert (data["speeches"], data["reward_terms"]) == (list(c.SPEECHES), list(c.REWARD_TERMS[:4]))
    assert data["episodes"][0]["messages"] == [] or data["episodes"][0]["messages"][0]["symbol"] is None


def test_the_longest_chain_that_is_left_is_critical():
    # a (1 h), then b (2 h), then the milestone c: all of it until a is done, and then without a
    env = parallel_env(NEEDS, team_size=2, **CALM)
    env.reset(seed=0)
    episode = recorded(env, steps=[[[0, 0, 0, 0], [1, 0, 0, 0]]] * 40)
    (shown,) = page_data([simulate(episode)])["episodes"]
    end = next(event["step"] for event in shown["events"] if event["kind"] == "finished")
    assert set(map(tuple, shown["critical"][:end])) == {(0, 1, 2)}
    assert set(map(tuple, shown["critical"][end:])) == {(1, 2)}


def test_an_answer_a_value_and_texts_are_told():
    ask, tell, nothing = [0, c.CHAT_ASK, 0, 1], [0, c.CHAT_TELL, 1, 1], [0, 0, 0, 0]
    env = parallel_env(NEEDS, team_size=3, **CALM)
    env.reset(seed=0)
    steps = [[nothing, ask, nothing], [nothing] * 3, [tell, nothing, nothing]]
    text = ModelText(3, (0, 2), (("system", "Rules."),), "tell", ("valid", "valid", "repaired"), 12, 3, 0.25)
    episode = replace(recorded(env, steps=steps), texts=(text,))
    (shown,) = page_data([simulate(episode)], [[None, 1.5]])["episodes"]
    assert [(m["answers"], m["value"], m["refused"]) for m in shown["messages"]] == [
        (False, None, False),
        (True, 1.5, False),
    ]
    assert shown["texts"] == [
        {"step": 3, "agents": [0, 2], "prompt": [{"role": "system", "content": "Rules."}], "answer": "tell",
         "label": "valid, repaired", "prompt_tokens": 12, "answer_tokens": 3, "money": 0.25},
    ]  # fmt: skip


def test_words_that_turn_the_direction_of_what_follows_are_left_out():
    # after U+202E a browser shows 0.61 as 16.0
    subtasks = (replace(NEEDS.subtasks[0], title="A\u202e"), *NEEDS.subtasks[1:])
    env = parallel_env(replace(NEEDS, title="Three\u2066\x1b", subtasks=subtasks), team_size=2)
    env.reset(seed=0)
    data = page_data([simulate(recorded(env, policies="mine\u202e"))])
    assert (data["workflow"]["title"], data["subtasks"][0]["title"]) == ("Three", "A")
    assert data["episodes"][0]["policy"] == "mine"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"seed": 1}, "different values of seed: 0 and 1"),
        ({"team_size": 3}, "different values of team; only equal ones"),
        ({"workflow": replace(NEEDS, name="other")}, "different values of workflow: needs and other"),
        ({"dt": 0.25}, "have steps of 0.5 and 0.25 hours; only equal ones are compared on one clock"),
    ],
)
def test_episodes_that_differ_are_not_compared(change, error):
    histories = []
    for fields in ({}, change):
        given = {"workflow": NEEDS, "team_size": 2, "seed": 0, **fields}
        env = parallel_env(
            given.pop("workflow"),
            given.pop("team_size"),
            horizon=4,
            **{"dt": 0.5} | CALM | {k: v for k, v in given.items() if k != "seed"},
        )
        env.reset(seed=given["seed"])
        histories.append(simulate(recorded(env)))
    page_data(histories[:1] * 2)
    with pytest.raises(ConfigError, match=error):
        page_data(histories)
    with pytest.raises(ConfigError, match="got 3 episodes, expected one or two"):
        page_data(histories[:1] * 3)


def test_terms_of_the_reward_are_shown_that_count_in_some_episode():
    env = parallel_env("csv-import-tool", 2, reward_weights=(1.0, 0.0, 0.0, 0.5, 0.0, 0.3))
    env.reset(seed=0)
    data = page_data([simulate(recorded(env))])
    assert data["reward_terms"] == ["progress", "time", "information"]
    assert {len(terms) for terms in data["episodes"][0]["reward_terms"]} == {3}
