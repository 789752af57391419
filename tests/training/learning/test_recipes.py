"""Recipes: every shipped one can be read, what a base says and what is said instead, and each fault is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from c2c_env.errors import ConfigError
from training.learning.learners.mappo import PPOConfig
from training.learning.recipe import GroupConfig, Recipe, laid_over, load_recipe, shipped_recipes


def write(folder, name, text):
    path = folder / f"{name}.toml"
    path.write_text(text)
    return str(path)


def test_tables_are_merged_and_all_else_is_replaced():
    credit = {"individual": 0.5, "forecast": 1.0}
    base = {"seed": 1, "ppo": {"steps": 8, "credit": credit}, "ppo_groups": [{"tier": "a"}]}
    table = {"ppo": {"credit": {"forecast": 2.0}}, "ppo_groups": [{"tier": "b"}], "name": "x"}
    both = {"steps": 8, "credit": {"individual": 0.5, "forecast": 2.0}}
    assert laid_over(base, table) == {"seed": 1, "ppo": both, "ppo_groups": [{"tier": "b"}], "name": "x"}


def test_a_recipe_says_what_differs_from_its_base(tmp_path):
    middle = write(tmp_path, "middle", 'base = "scratch"\nname = "middle"\n[ppo]\nupdates = 3\n')
    recipe = load_recipe(write(tmp_path, "last", f'base = "{middle}"\n[ppo.credit]\nindividual = 0.25\n'))
    scratch = load_recipe("scratch")
    assert (recipe.name, recipe.ppo.updates, recipe.ppo.credit.individual) == ("middle", 3, 0.25)
    assert (recipe.network, recipe.ppo_groups, recipe.ppo.steps) == (
        scratch.network, scratch.ppo_groups, scratch.ppo.steps,
    )  # fmt: skip


def test_a_base_is_found_from_the_folder_of_its_recipe(tmp_path):
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", "first", 'base = "../other.toml"\nname = "first"\n')
    write(tmp_path, "other", "seed = 7\n")
    assert load_recipe(str(tmp_path / "mine" / "first.toml")).seed == 7
    assert load_recipe(write(tmp_path / "mine", "last", 'base = "first.toml"\n')).name == "first"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "scratsh"', "did you mean 'scratch'"),
        ("base = 3", "base is 3, expected the name or path of another recipe"),
        ('base = "{own}"', "expected the name or path of another recipe"),
        ('base = "scratch"\n[network]\nhiden = 8', "network.*hiden.*did you mean 'hidden'"),
        ('base = "communication/attention"\n[imitation]\nupdates = 5', "imitation.updates is 5, expected 0"),
        (
            'base = "communication/attention"\n[network]\nvocab_size = 0',
            "communication is 'attention' with a vocab_size of 0",
        ),
    ],
)
def test_a_base_that_cannot_be_is_refused(tmp_path, text, message):
    path = tmp_path / "own.toml"
    path.write_text(text.replace("{own}", str(path)))
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        load_recipe(str(path))


def test_two_recipes_cannot_be_each_others_base(tmp_path):
    first = tmp_path / "first.toml"
    first.write_text(f'base = "{tmp_path}/second.toml"')
    write(tmp_path, "second", f'base = "{first}"')
    with pytest.raises(ConfigError, match="expected the name or path of another recipe"):
        load_recipe(str(first))


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_can_be_read(name):
    recipe = load_recipe(name)
    assert recipe.name == name.rpartition("/")[2]


# --- faults ---------------------------------------------------------------------------------------------------


def test_all_faults_of_a_recipe_at_once(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(
        'seed = "one"\nspeed = 3\n[ppo]\nupdats = 3\nclip = "x"\n[[ppo_groups]]\ntier = "simple"\nnum_env = 2\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_recipe(str(path))
    text = str(caught.value)
    expected = [
        "seed is 'one', expected an integer",
        "unknown name 'speed'",
        "ppo.unknown name 'updats'; did you mean 'updates'",
        "ppo.clip is 'x', expected a number",
        "'num_env'; did you mean 'num_envs'",
    ]
    assert [part for part in expected if part not in text] == []
    path.write_text('[[ppo_groups]]\ntier = "simpel"\nteam_size = 0\n[ppo]\ncritic = "none"\ndiscount = 1.5\n')
    with pytest.raises(ConfigError, match="4 faults") as caught:
        load_recipe(str(path))
    for part in ("did you mean 'simple'", "team_size is 0", "critic is 'none'", "discount is 1.5"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("seed = -1", "seed is -1, expected at least 0"),
        ("threads = 1.0", "threads is 1.0, expected an integer"),
        ("threads = true", "threads is True, expected an integer"),
        ("name = 3", "name is 3, expected a string"),
        ("ppo = 3", "ppo is 3, expected a table"),
        ("ppo_groups = 3", "ppo_groups is 3, expected a list"),
        ("ppo_groups = [3]", "ppo_groups[0] is 3, expected a table"),
        ("ppo_groups = []", "ppo_groups is empty, expected at least one"),
        ("reward_weights = [1, 1, 1]", "reward_weights[3] is missing"),
        ("reward_weights = [1, 1, 1, -1]", "reward_weights[3] is -1, expected at least 0"),
        ("reward_weights = [1, 1, 1, 1, 1, -1]", "reward_weights[5] is -1, expected at least 0"),
        ("reward_weights = [1, 1, 1, 1, 1, 1, 1]", "reward_weights is [1, 1, 1, 1, 1, 1, 1], expected 6 values"),
        ("last_reward_weights = [1, 1, 1]", "last_reward_weights[3] is missing"),
        ("last_reward_weights = [1, -1, 1, 1]", "last_reward_weights[1] is -1, expected at least 0"),
        ("last_reward_weights = 1", "last_reward_weights is 1, expected a list"),
        ("network.hidden = 12", "network.hidden is 12, expected a multiple of 8"),
        ("network.own = 0", "network.own is 0, expected an integer in [1, 4096]"),
        ("imitation.teacher_updates = -1", "imitation.teacher_updates is -1, expected at least 0"),
        ("ppo.trace = -0.5", "ppo.trace is -0.5, expected at least 0"),
        ("ppo.discount = 1.5", "ppo.discount is 1.5, expected at most 1"),
        ("ppo.discount = nan", "ppo.discount is nan, expected a finite number"),
        ("reward_weights = [inf, 1, 1, 1]", "reward_weights[0] is inf, expected a finite number"),
        ("ppo.discount = true", "ppo.discount is True, expected a number"),
        ('ppo.critic = "centrl"', "ppo.critic is 'centrl', expected 'central' or 'own'; did you mean 'central'?"),
        ("validation.temperatures = []", "validation.temperatures is empty, expected at least one"),
        ("validation.temperatures = [-1]", "validation.temperatures[0] is -1, expected at least 0"),
        ("seed = 9223372036854775808", "seed is 9223372036854775808, expected at most"),
        ("threads = 0", "threads is 0, expected at least 1"),
        ('name = "../../x"', "name is '../../x', expected up to 64 letters"),
        ('name = "/tmp/x"', "name is '/tmp/x', expected up to 64 letters"),
        ('name = ".."', "name is '..', expected up to 64 letters"),
        ('name = ""', "name is '', expected up to 64 letters"),
        ("network.rounds = 4096", "network.rounds is 4096, expected an integer in [1, 32]"),
        ("imitation_groups = [{num_envs = 1000000000000}]", "imitation_groups[0].num_envs is 1000000000000, expected"),
        ("imitation_groups = [{team_size = 1000000}]", "imitation_groups[0].team_size is 1000000, expected at most"),
        ("validation.temperatures = [1e9]", "validation.temperatures[0] is 1000000000.0, expected at most"),
        ("ppo.clip = -1", "ppo.clip is -1, expected at least 0"),
        ("ppo.clip = 1e308", "ppo.clip is 1e+308, expected at most 1e+06"),
        ("ppo.learning_rate = 2.0", "ppo.learning_rate is 2.0, expected at most 1"),
        ("reward_weights = [1e12, 1, 1, 1]", "reward_weights[0] is 1000000000000.0, expected at most"),
        ("validation.temperatures = [1e-5]", "validation.temperatures.0 is 1e-05, expected 0 or a number in"),
        ("validation.thresholds = []", "validation.thresholds is empty, expected at least one"),
        ("ppo.credit.individual = 2", "ppo.credit.individual is 2, expected at most 1"),
        (
            'ppo.credit.measure = "hour"',
            "ppo.credit.measure is 'hour', expected 'reward', 'value' or 'hours'; did you mean",
        ),
        ("ppo.credit.alone = true", "ppo.credit.alone is True, expected a ppo.credit.counterfactual above 0 with it"),
        ('ppo.credit.measure = "hours"', "ppo.credit.measure is 'hours', expected a ppo.credit.counterfactual above 0"),
        ("ppo.credit.every = 2", "ppo.credit.every is 2, expected a ppo.credit.counterfactual above 0 with it"),
        (
            "imitation.updates = 0\nppo.credit = {alone = true, counterfactual = 1.0}\nnetwork.hidden_facts = 2",
            "ppo.credit.alone is True, expected False with symbols or variants",
        ),
        (
            'ppo.credit = {counterfactual = 1.0, measure = "value", horizon = 0}',
            "ppo.credit.horizon is 0, expected at least 1 with ppo.credit.measure = 'value'",
        ),
        ("ppo.credit.forcast = 1", "ppo.credit.unknown name 'forcast'; did you mean 'forecast'"),
        ('ppo.normalise = "steps"', "ppo.normalise is 'steps', expected 'rollout' or 'step'; did you mean 'step'?"),
        ("ppo_groups = [{begin = 3}]", "ppo_groups[0].begin is 3, expected 0"),
        ("cost_to_go.price = -1", "cost_to_go.price is -1, expected at least 0"),
        ("validation.team_sizes = [5]", "validation has 6 tiers and 1 team sizes, expected as many of both"),
    ],
)
def test_each_fault_of_a_recipe(text, fault, tmp_path):
    path = tmp_path / "one.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="1 fault") as caught:
        load_recipe(str(path))
    assert caught.value.faults[0].startswith(fault)


def test_a_recipe_is_read_as_it_stands(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("ppo_chunk = 3\nreward_weights = [1, 0, 0, 0]\n[ppo]\nclip = 1\n[[ppo_groups]]\nteam_size = 2\n")
    expected = replace(
        Recipe(), ppo_chunk=3, reward_weights=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0), ppo=PPOConfig(clip=1.0),
        ppo_groups=(GroupConfig(team_size=2),),
    )  # fmt: skip
    recipe = load_recipe(str(path))
    assert recipe == expected
    assert type(recipe.ppo.clip) is type(recipe.reward_weights[0]) is float


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(ConfigError, match="unknown recipe 'teem'; did you mean 'team'"):
        load_recipe("teem")
