"""Recipes: what a base says and what is said instead, and every shipped one can be read."""

from __future__ import annotations

import pytest

from c2c_env.errors import ConfigError
from training.learning.recipe import laid_over, load_recipe, shipped_recipes


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "scratsh"', "did you mean 'scratch'"),
        ("base = 3", "base is 3, expected the name or path of another recipe"),
        ('base = "{own}"', "expected the name or path of another recipe"),
        ('base = "scratch"\n[network]\nhiden = 8', "network.*hiden.*did you mean 'hidden'"),
        ('base = "hidden_facts"\n[imitation]\nupdates = 5', "imitation.updates is 5, expected 0"),
        ('base = "hidden_facts"\n[network]\nvocab_size = 0', "communication is 'attention' with a vocab_size of 0"),
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
    assert recipe.name == name.rpartition("/")[2] or name == "hidden_facts"
