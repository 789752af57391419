"""The environment's page, which is its docstring, says what the spaces, the defaults and the metrics are."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields

import pytest

from c2c_env import METRICS, PRESETS, EnvConfig, parallel_env
from c2c_env.core import constants as c
from c2c_env.envs.parallel_env import C2CParallelEnv

PAGE = inspect.getdoc(C2CParallelEnv)
HEADINGS = [
    *("Description", "Action Space", "Observation Space", "Rewards", "Starting State", "Episode End", "Arguments"),
    "Version History",
]


def evaluate(formula, **sizes):
    """The value of a formula of the page; `5(N+1)` and `K N` are products."""
    product = re.sub(r"(\d)\(", r"\1 * (", formula)
    product = re.sub(r"\b([A-Z]) ([A-Z])\b", r"\1 * \2", product)
    return eval(product, {"__builtins__": {}}, sizes)


def test_headings_are_those_of_a_gymnasium_page():
    assert re.findall(r"^## (.*)$", PAGE, flags=re.MULTILINE) == HEADINGS


@pytest.mark.parametrize(("n", "v", "f"), [(5, 0, 0), (3, 4, 0), (3, 0, 2), (4, 3, 5)])
def test_action_table_is_the_multi_discrete_space(n, v, f):
    env = parallel_env("csv-import-tool", team_size=n, vocab_size=v, hidden_facts=f)
    k = env.batch.max_subtasks
    assert n != k
    rows = re.findall(r"^\| (\d) \| (\w+) \| (\S+) \| (\S+) \| (.*) \|$", PAGE, flags=re.MULTILINE)
    assert [int(row[0]) for row in rows] == list(range(c.NUM_PARTS))
    assert [row[1] for row in rows] == list(c.ACTION_PARTS)
    assert {row[2] for row in rows} == {"0"}
    space = env.action_space("worker_1")
    highest = [evaluate(row[3], N=n, K=k, V=v, F=f) for row in rows]
    assert [most for most in highest if most >= 0] == (space.nvec - 1).tolist()
    assert tuple(rows[c.SPEECH][4].split(", ")) == c.SPEECHES
    [listed] = re.findall(r"`MultiDiscrete\((\[.*?\])\)`", PAGE)
    assert evaluate(listed, N=n, K=k) == space.nvec[:4].tolist()


def test_catalogue_has_the_size_that_the_page_gives():
    env = parallel_env("csv-import-tool", team_size=5, action_format="discrete")
    [formula] = re.findall(r"`Discrete\((.*?)\)`;?:?", PAGE)
    assert evaluate(formula, N=5, K=env.batch.max_subtasks) == env.action_space("worker_1").n


def test_rewards_have_the_default_weights():
    [formula] = re.findall(r"^`(1 \* d\(progress\).*?)`", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert tuple(float(x) for x in re.findall(r"([\d.]+) \*", formula)) == EnvConfig().reward_weights[: c.LEAST_WEIGHTS]
    assert EnvConfig().reward_weights[c.LEAST_WEIGHTS :] == (0.0, 0.0)
    later = re.findall(r"^- `(\w+)`:", PAGE.partition("## Rewards")[2], flags=re.MULTILINE)
    assert tuple(later) == c.REWARD_TERMS[c.LEAST_WEIGHTS :]
    assert re.findall(r"[+-]", formula) == ["+", "-", "-"]


def test_starting_state_and_horizon_have_the_default_numbers():
    config = EnvConfig()
    start = re.sub(r"\s+", " ", PAGE.partition("## Starting State")[2])
    assert f"intent {config.manager_intent} for the manager and {config.initial_intent} for the others" in start
    assert f"interface {config.initial_interface}, " in start
    assert f"context {config.initial_context:g}." in start
    assert config.constraints_exponent == 2.0
    assert "the squared skill for constraints" in start
    assert f"`ceil({config.horizon_factor:g} * lower bound / dt)`" in PAGE
    assert config.dt == 0.5
    assert "steps of half an hour" in PAGE


def test_last_infos_have_the_metrics_that_the_page_refers_to():
    env = parallel_env("csv-import-tool", team_size=2, horizon=1)
    env.reset(seed=0)
    *_, infos = env.step({agent: [0, 0, 0, 0] for agent in env.agents})
    assert "`episode_metrics`, see `c2c_env.METRICS`" in PAGE
    assert all(list(info["episode_metrics"]) == list(METRICS) for info in infos.values())


def test_every_constant_is_explained():
    text = inspect.getdoc(EnvConfig)
    explained = {name for line in re.findall(r"^ *([a-z_, ]+):", text, flags=re.MULTILINE) for name in line.split(", ")}
    assert {field.name for field in fields(EnvConfig)} <= {name.strip() for name in explained}


def test_presets_are_those_that_the_page_lists():
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (`\w+=.*) \|$", PAGE, flags=re.MULTILINE)
    listed = {}
    for names, settings in rows:
        values = re.findall(r"`(\w+)=([^`]+)`", settings.partition(";")[0])
        for name in names.split(", "):
            listed[name.strip("`")] = {field: ast.literal_eval(value) for field, value in values}
    assert listed == {name: dict(settings) for name, settings in PRESETS.items()}
