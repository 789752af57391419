"""Every policy plays with symbols, with hidden facts, with both, and builds what it knows to be wanted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from prompted_team import STRATEGIES, play_small, prompted, recorder_of, small_batch
from rule_server import answer_by_rule

from agents.learned.learned_team import SHIPPED
from agents.oracle.lookahead.candidates import variations
from agents.oracle.oracle_team import OracleRule
from agents.play import play
from agents.policy import PolicyContext, choose_known_variants, no_actions
from agents.prompted.replay import replay
from agents.prompted.transcript import read_transcript
from agents.registry import POLICIES, SEES_STATE, make_policy
from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow
from c2c_env.core import constants as c

WAIT = (0, 0, 0, 0, 0, 0)
NAMES = [*sorted(set(POLICIES) - {"planner"}), f"learned:{SHIPPED}"]
TWO = Workflow("two", "simple", (Subtask("a", "backend", 1.0, 1.0), Subtask("b", "data", 0.7, 1.0, ("a",))))


def make_batch(size=3, count=2, **fields):
    batch = Batch(TWO, Team.default(size), EnvConfig(**{"rework_probability": 0.0} | fields), count)
    batch.reset(range(count))
    return batch


def metrics_of(name, **fields):
    batch = make_batch(**fields)
    return play(batch, make_policy(name, PolicyContext.of(batch)))


@pytest.mark.parametrize("facts", [0, 3])
@pytest.mark.parametrize("symbols", [0, 2])
@pytest.mark.parametrize("name", NAMES)
def test_every_policy_plays_with_any_parts_of_an_action(name, symbols, facts):
    for row in metrics_of(name, vocab_size=symbols, hidden_facts=facts, horizon=12):
        assert row["invalid_actions"] == 0
        assert row["work_hours"] > 0


@pytest.mark.parametrize("name", [*sorted(SEES_STATE), "oracle:free"])
def test_whoever_sees_the_state_builds_what_is_wanted(name):
    plain = metrics_of(name, count=3)
    assert [row["success"] for row in plain] == [1] * 3
    np.testing.assert_equal(metrics_of(name, count=3, hidden_facts=3), plain)


@pytest.mark.parametrize("name", ["no_communication", "solo", f"learned:{SHIPPED}"])
def test_whoever_is_alone_knows_everything_and_builds_what_is_wanted(name):
    plain = metrics_of(name, size=1, count=4)
    assert [row["success"] for row in plain] == [1] * 4
    np.testing.assert_equal(metrics_of(name, size=1, count=4, hidden_facts=3), plain)


def test_what_the_planner_tries_is_built_as_it_is_wanted():
    subtasks = tuple(Subtask(f"s{k}", "backend", 1.0, 1.0) for k in range(6))
    batch = Batch(Workflow("six", "simple", subtasks), Team.default(3), EnvConfig(hidden_facts=4))
    batch.reset([1])
    fact = batch.state.fact[0]
    assert len(set(fact.tolist())) > 2
    rule = OracleRule()
    chosen = rule.act_batch(batch)[0]
    tried = variations(batch, 0, rule.scratch, chosen)
    assert len({tuple(actions[:, c.WORK]) for actions in tried}) > 6
    for actions in (chosen, *tried):
        work = actions[:, c.WORK]
        assert actions[:, -1].tolist() == [int(fact[k - 1]) if k else 0 for k in work]


def test_random_choices_find_the_wanted_variants_in_time():
    rows = metrics_of("random", count=4, hidden_facts=3, horizon=3000)
    assert [row["success"] for row in rows] == [1] * 4
    assert sum(row["wasted_hours"] for row in rows) > 0


@pytest.mark.parametrize("name", ["no_communication", "cost_aware", "proactive"])
def test_scripted_teams_guess_until_they_finish_only_later(name):
    plain, facts = (metrics_of(name, count=8, horizon=100, hidden_facts=f) for f in (0, 3))
    assert [row["success"] for row in plain + facts] == [1] * 16
    assert sum(row["steps"] for row in facts) > sum(row["steps"] for row in plain)
    assert sum(row["reworks"] for row in facts) == 0


@pytest.mark.parametrize("horizon", [37, 50, 100, 111, 333, 1000])
@pytest.mark.parametrize("facts", [2, 3])
def test_guesses_try_every_variant_in_each_half_of_a_horizon(horizon, facts):
    batch = make_batch(count=1, hidden_facts=facts)
    rows = np.repeat(batch.observations[0, :1], horizon, axis=0)
    rows[:, batch.layout["known_fact"]] = 0.0
    rows[:, batch.layout["time_used"]] = (np.arange(horizon) / horizon)[:, None]
    actions = no_actions(batch.config, horizon)
    actions[:, c.WORK] = 1
    choose_known_variants(actions, rows, batch.layout)
    halves = np.array_split(actions[:, -1], 2)
    assert [set(half.tolist()) for half in halves] == [set(range(facts))] * 2


def test_the_last_column_gets_what_each_knows_of_its_work():
    batch = make_batch(count=1, hidden_facts=3, vocab_size=2)
    snapshot = batch.snapshot()
    snapshot["fact"] = np.array([2, 1])
    batch.restore(snapshot)
    actions = no_actions(batch.config, 3)
    actions[:, c.WORK] = 2, 1, 0
    choose_known_variants(actions, batch.observations[0], batch.layout)
    assert actions.tolist() == [[2, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]  # the manager knows
    actions[:, c.WORK] = 1, 0, 2
    choose_known_variants(actions, batch.observations[0], batch.layout)
    assert actions[:, -1].tolist() == [2, 0, 0]
    batch.step(np.array([[WAIT, (1, 0, 0, 0, 0, 2), WAIT]]))
    actions[:, c.WORK] = 1, 1, 2
    choose_known_variants(actions, batch.observations[0], batch.layout)
    assert actions[:2, -1].tolist() == [2, 2]  # its owner has found it out
    assert not batch.layout.get(batch.observations[0], "known_fact")[2].any()  # the others guess still


@pytest.mark.parametrize(("symbols", "facts", "parts"), [(0, 0, 4), (3, 0, 5), (0, 2, 5), (3, 2, 6)])
def test_actions_have_a_column_for_every_part(symbols, facts, parts):
    batch = make_batch(vocab_size=symbols, hidden_facts=facts)
    assert no_actions(batch.config, 5).shape == (5, parts)
    assert batch.action_buffer.shape[-1] == parts


# --- prompted teams ----------------------------------------------------------------------------------------------


def with_variant_2(body):
    """The answers of the rule, with variant 2 for everything."""
    answer = json.loads(answer_by_rule(body))
    for choice in answer.get("actions", [answer]):
        choice["variant"] = 2
    return json.dumps(answer)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_variant_that_is_named_is_built_and_replayed(server, options, tmp_path, strategy):
    server.rule = with_variant_2
    batch = small_batch(1, hidden_facts=3, vocab_size=2, horizon=6)
    policy = prompted(batch, strategy, options)
    recorder, [lines] = recorder_of(batch, policy, f"prompted:{strategy}@rule", [0])

    def check():
        recorder.record()
        action = batch.state.action[0]
        assert (action[:, c.VARIANT] == 2 * (action[:, c.WORK] > 0)).all()

    [metrics] = play(batch, policy, on_step=check)
    assert policy.episode_columns(0)["answers_valid"] == policy.episode_columns(0)["answers"] > 0
    assert "can be built in 3 variants" in server.prompts[0]
    server.close()
    path = tmp_path / "transcript.jsonl"
    path.write_text(lines.text, encoding="utf-8")
    np.testing.assert_equal(replay(read_transcript(path)).batch.metrics(), metrics)


def test_where_no_variant_is_named_the_known_one_is_built(server, options):
    [metrics], policy, _ = play_small("direct", options, size=1, hidden_facts=3)
    assert (metrics["success"], metrics["reworks"]) == (1, 0)
    assert policy.episode_columns(0)["answers_valid"] == metrics["steps"]
