"""The planner: legal, deterministic, blind for the future, and better than whoever sees less."""

from __future__ import annotations

import re

import numpy as np
import pytest

from agents.oracle.oracle_team import OracleRule
from agents.oracle.rule import BUDGETS, PATH, Rule, load_rules, read_rules
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import SEES_STATE, make_policy, policy_files
from c2c_env import VALIDATION_SEEDS, Batch, EnvConfig, Generated, Team
from c2c_env.errors import ConfigError
from c2c_env.workflows import TIERS
from training.learning.learners.tune_oracle import write_rules


def make_batch(tier="simple", team_size=4, count=3, backend="numba", **config):
    pool = Generated(tier, seeds=VALIDATION_SEEDS[:count])
    batch = Batch(pool, Team.default(team_size), EnvConfig(**config), num_envs=count, backend=backend)
    batch.reset(range(count), workflows=range(count))
    return batch


def times(name, **kinds):
    batch = make_batch(**kinds)
    return [m["completion_time"] for m in play(batch, make_policy(name, PolicyContext.of(batch)))]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("team_size", [1, 2, 7])
@pytest.mark.parametrize("budget", BUDGETS)
def test_rule_is_legal_and_finishes(tier, team_size, budget):
    batch = make_batch(tier, team_size)
    metrics = play(batch, make_policy(f"oracle:{budget}", PolicyContext.of(batch)))
    assert [m["invalid_actions"] for m in metrics] == [0.0] * 3
    assert team_size == 1 or all(m["success"] for m in metrics)


def test_compiled_rule_decides_as_the_interpreted_one():
    batches = [make_batch("medium", 4, 2, backend) for backend in ("numba", "interpreted")]
    rules = [OracleRule(), OracleRule()]
    for _ in range(15):
        actions = [rule.act_batch(batch) for rule, batch in zip(rules, batches, strict=True)]
        np.testing.assert_array_equal(*actions)
        assert actions[0].any()
        for batch in batches:
            batch.step(actions[0])


@pytest.mark.parametrize("name", sorted(SEES_STATE))
def test_decisions_do_not_depend_on_what_will_happen(name):
    """Requirement changes and rework follow from the episode's key; another key is another future."""
    here, there = make_batch("complex", 3, 1), make_batch("complex", 3, 1)
    policies = [make_policy(name, PolicyContext.of(batch, seed=4)) for batch in (here, there)]
    rows = np.arange(1)
    for _ in range(4):
        there.state.key[:] = here.state.key + np.uint64(12345)
        actions = [policy.act_batch(batch, rows) for policy, batch in zip(policies, (here, there), strict=True)]
        np.testing.assert_array_equal(*actions)
        here.step(actions[0])
        for theirs, mine in zip(there.state, here.state, strict=True):
            theirs[...] = mine


def test_deciding_changes_nothing_in_the_environment():
    batch = make_batch(count=1)
    policy = make_policy("planner", PolicyContext.of(batch))
    before = [np.copy(array) for array in batch.state]
    policy.act_batch(batch, np.arange(1))
    for old, new in zip(before, batch.state, strict=True):
        np.testing.assert_array_equal(old, new)


def test_rows_that_are_not_asked_for_do_not_matter():
    batch = make_batch(count=3)
    rule = OracleRule()
    everybody = rule.act_batch(batch)
    alone = rule.act_batch(batch, [1])
    np.testing.assert_array_equal(alone[1], everybody[1])
    assert not alone[[0, 2]].any()


@pytest.mark.slow
def test_whoever_sees_more_is_faster():
    kinds = {"tier": "simple", "team_size": 5, "count": 12}
    scripted, oracle, planner = (np.mean(times(name, **kinds)) for name in ("proactive", "oracle", "planner"))
    assert planner < oracle < 0.95 * scripted


# --- numbers -----------------------------------------------------------------------------------------------------


def test_rules_are_read_as_written():
    rules = {budget: dict.fromkeys(TIERS, Rule(price=0.25)) for budget in BUDGETS}
    assert read_rules(write_rules(rules, "a head"), "here") == rules
    assert set(load_rules("thrifty")) == set(TIERS)


def test_shipped_rules_are_as_the_command_writes_them_and_say_which_did():
    text = PATH.read_text(encoding="utf-8")
    head = "".join(line[2:] for line in text.splitlines(keepends=True) if line.startswith("#"))
    assert "\n  c2c-env tune_oracle --generations" in head
    assert write_rules(read_rules(text, PATH.name), head) == text


def test_faulty_rules_are_refused_all_at_once():
    rules = {budget: dict.fromkeys(TIERS, Rule()) for budget in BUDGETS}
    text = write_rules(rules, "").replace("price =", "prise =", 1).replace("stick = 0.9", 'stick = "a" # 0.9', 1)
    with pytest.raises(ConfigError) as caught:
        read_rules(text, "mine.toml")
    assert "bad rules of the oracle in mine.toml" in str(caught.value)
    assert "price is missing" in str(caught.value)
    assert "unknown number 'prise'; did you mean 'price'" in str(caught.value)
    with pytest.raises(ConfigError, match=r"unknown budget of the oracle 'cheap'.*or a file \(.toml\) with rules"):
        load_rules("cheap")


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("foresight", "0.0", "[1e-06, 1e+06]"), ("stick", "0.0", "[1e-06, 1e+06]"), ("price", "-0.5", "[0, 1e+06]"),
        ("hurry", "nan", "[0, 1e+06]"), ("rounding", "inf", "[0, 1e+06]"), ("trust", "1.5", "[0, 1]"),
        ("slack_scale", "true", "[1e-06, 1e+06]"),
    ],
)  # fmt: skip
def test_numbers_that_the_rule_cannot_compute_with_are_refused(name, number, expected):
    text = write_rules({budget: dict.fromkeys(TIERS, Rule()) for budget in BUDGETS}, "")
    usual = f"{name} = {getattr(Rule(), name)}"
    assert usual in text
    with pytest.raises(ConfigError, match=re.escape(f", expected a number in {expected}")) as caught:
        read_rules(text.replace(usual, f"{name} = {number}", 1), "here")
    assert f"thrifty.simple.{name} is " in str(caught.value)
    assert "1 fault\n" in str(caught.value)


def test_whole_numbers_are_taken_and_unknown_tables_named():
    text = write_rules({budget: dict.fromkeys(TIERS, Rule(price=2.0)) for budget in BUDGETS}, "")
    assert read_rules(text.replace("price = 2.0", "price = 2"), "here") == read_rules(text, "here")
    with pytest.raises(ConfigError) as caught:
        read_rules(text.replace("[thrifty.simple]", "[thrifty.simpel]").replace("[free.", "[fre."), "here")
    assert "thrifty: unknown tier 'simpel'; did you mean 'simple'" in str(caught.value)
    assert "unknown budget of the oracle 'fre'; did you mean 'free'" in str(caught.value)


@pytest.mark.parametrize("text", ["thrifty = 3", "[thrifty]\nsimple = 3", ""])
def test_what_has_no_tables_has_no_numbers(text):
    with pytest.raises(ConfigError, match=r"free\.complex\.price is missing"):
        read_rules(text, "here")


def test_a_file_of_rules_is_played(tmp_path):
    """The shipped numbers in a file play as they do; a rule that never foresees anything plays otherwise."""
    shipped, blind = tmp_path / "shipped.toml", tmp_path / "blind.toml"
    rules = read_rules(PATH.read_text(encoding="utf-8"), PATH.name)
    shipped.write_text(write_rules(rules, ""), encoding="utf-8")
    unforeseen = {tier: rule._replace(foresight=1e-6) for tier, rule in rules["thrifty"].items()}
    blind.write_text(write_rules({**rules, "thrifty": unforeseen}, ""), encoding="utf-8")
    kinds = {"tier": "medium", "team_size": 5, "count": 4}
    assert times(f"oracle:{shipped}", **kinds) == times("oracle", **kinds)
    assert times(f"oracle:{blind}", **kinds) != times("oracle", **kinds)
    assert make_policy(f"planner:{blind}", PolicyContext.of(make_batch())).budget == "thrifty"
    assert policy_files(f"oracle:{blind}") == [blind]
    with pytest.raises(ConfigError, match=r"cannot read rules of the oracle 'none\.toml'"):
        make_policy("oracle:none.toml", PolicyContext.of(make_batch()))


def test_catalogue_is_refused_and_observations_do_not_suffice():
    with pytest.raises(ConfigError, match="needs action_format='multi_discrete', got 'discrete'"):
        make_policy("oracle", PolicyContext.of(make_batch(action_format="discrete")))
    policy = make_policy("oracle", PolicyContext.of(make_batch()))
    with pytest.raises(ConfigError, match="sees the true state"):
        policy.act(np.zeros((1, 1)), np.zeros((1, 1)), np.arange(1))
