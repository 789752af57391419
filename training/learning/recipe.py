"""Recipes: what a learner is trained with, as data (TOML). Everything has a default; unknown names are errors.

A recipe may name another one as its `base`, by its name or by its path from the folder of the recipe, and then says
only what differs.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from agents.learned.card import TEMPERATURE
from agents.learned.weights import NetworkConfig, size_faults
from c2c_env import EnvConfig
from c2c_env.checks import fault, only_faults
from c2c_env.disk import parse_toml, read_text
from c2c_env.errors import C2CError, ConfigError, nearest, raise_faults, unknown_name
from training.learning.credit import CreditConfig
from training.learning.learners.cost_to_go import CostToGoConfig
from training.learning.learners.evolution import EvolutionConfig
from training.learning.learners.imitation import ImitationConfig
from training.learning.learners.mappo import PPOConfig
from training.learning.ranges import Count, NumEnvs, RewardWeights, Seed, TeamSize, ThreadCount, Tier, Whole
from training.learning.recipes import RECIPE_FOLDER, shipped_recipes
from training.learning.validation import ValidationConfig

NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}"  # a folder is named after it
EXPECTED = {  # what pydantic's kinds of errors mean
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a string",
    "tuple_type": "a list",
    "dataclass_type": "a table",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
    "too_long": "{max_length} values",
}

ONLY_OWN_LEARNER = ("critic_updates", "hindsight", "credit", "normalise")  # settings of PPO


@dataclass(frozen=True)
class GroupConfig:
    """Environments of one kind.

    Attributes:
        tier: of the workflows.
        team_size: N.
        num_envs: environments that are stepped side by side.
        begin: update from which they are played: a curriculum, if it differs between groups. The first must be 0.
    """

    tier: Tier = "simple"
    team_size: TeamSize = 5
    num_envs: NumEnvs = 64
    begin: Whole = 0


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the weights.

    Attributes:
        name: of the run's folder, so that it has no separators.
        seed: fixes everything.
        threads: of torch; results may differ in the last bits with another number.
        network: sizes.
        start: what the networks of the team start from instead of random numbers: the policy.safetensors of a run, in
            whose path "{seed}" stands for the seed, or "shipped".
        imitation: first stage; 0 updates leave it out.
        imitation_groups: what is played there.
        cost_to_go: second stage, in the groups of the first; 0 updates leave it out.
        ppo: third stage; 0 updates leave it out.
        ppo_groups: what is played there.
        evolution: last stage; 0 updates leave it out.
        evolution_groups: what is played there, each by pairs of environments.
        imitation_chunk, ppo_chunk, evolution_chunk: updates from one checkpoint to the next. The environments start
            anew there, in an interrupted run and in an uninterrupted one alike, so that both end with the same weights.
        reward_weights: of the terms of the reward, for the learner.
        last_reward_weights: towards which these go in the course of PPO or evolution, a step at every checkpoint in
            proportion to the updates done, so that they would be reached after the last one; None if they stay. What an
            action does at once, such as to raise an Alignment Factor, can so count more as long as the learner does not
            see what that is worth in the end.
        validation: how the way to play the weights is chosen.
        curve_workflows: validation workflows that are played at every checkpoint, of each kind of group, for learning
            curves; 0 for none.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)  # for the tables within, too

    name: str = "team"
    seed: Seed = 1
    threads: ThreadCount = 1
    network: NetworkConfig = field(default_factory=NetworkConfig)
    start: str = ""
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    imitation_groups: tuple[GroupConfig, ...] = (GroupConfig(num_envs=256),)
    imitation_chunk: Count = 500
    cost_to_go: CostToGoConfig = field(default_factory=CostToGoConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    ppo_groups: tuple[GroupConfig, ...] = (GroupConfig(),)
    ppo_chunk: Count = 25
    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    evolution_groups: tuple[GroupConfig, ...] = (GroupConfig(),)
    evolution_chunk: Count = 5
    reward_weights: RewardWeights = EnvConfig().reward_weights
    last_reward_weights: RewardWeights | None = None
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    curve_workflows: Whole = 0


def load_recipe(name: str) -> Recipe:
    """A recipe by name or path.

    Raises:
        ConfigError: no such recipe, no valid TOML, or wrong names and values, all of them at once.
    """
    table, path = _table_of(name, Path(), ())
    return parse_recipe(table, f"bad recipe {path}", ConfigError)


def parse_recipe(table: Any, title: str, kind: type[C2CError]) -> Recipe:
    """A recipe from what a file says.

    Raises:
        `kind`: wrong names and values, all of them at once, below the title.
    """
    try:  # as JSON, where pydantic takes lists for tuples and is strict about all else
        recipe = TypeAdapter(Recipe).validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        raise_faults(kind, title, [_describe(fault) for fault in error.errors()])
        raise
    raise_faults(kind, title, _value_faults(recipe))
    return recipe


def _table_of(name: str, folder: Path, above: tuple[Path, ...]) -> tuple[dict[str, Any], Path]:
    """What a recipe and its bases say, and where it stands.

    Args:
        name: of a shipped one, or its path from the folder.
        folder: the present one, or that of the recipe whose base it is.
        above: those that have it as their base.
    """
    path = RECIPE_FOLDER / f"{name}.toml" if name in shipped_recipes() else folder / name
    if not os.path.exists(path):  # `Path.exists` raises errors for names that are too long
        raise ConfigError(f"{unknown_name('recipe', name, shipped_recipes())}, nor is it the path of a file")
    table = parse_toml(read_text(path, "recipe", ConfigError), str(path), ConfigError)
    base = table.pop("base", None)
    if base is None:
        return table, path
    if not isinstance(base, str) or path.resolve() in above:
        raise ConfigError(f"bad recipe {path}: base is {base!r}, expected the name or path of another recipe")
    return laid_over(_table_of(base, path.parent, (*above, path.resolve()))[0], table), path


def laid_over(base: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The base with what a table says instead; tables within are laid over alike, all else is replaced."""
    both = {
        name: laid_over(base[name], value) if isinstance(value, dict) and isinstance(base.get(name), dict) else value
        for name, value in table.items()
    }
    return {**base, **both}


def _describe(fault: Any) -> str:
    """One of pydantic's errors in this project's words."""
    *place, name = fault["loc"]
    if fault["type"] == "unexpected_keyword_argument":
        return f"{_path([*place, ''])}{unknown_name('name', name, _names_at(place))}"
    if fault["type"] == "missing":
        return f"{_path(fault['loc'])} is missing"
    if fault["type"] not in EXPECTED:
        return f"{_path(fault['loc'])} is {fault['input']!r}: {fault['msg']}"
    expected = EXPECTED[fault["type"]].format(**fault.get("ctx", {}))
    meant = nearest(fault["input"], re.findall("'(.*?)'", expected))
    return f"{_path(fault['loc'])} is {fault['input']!r}, expected {expected}{meant}"


def _path(place: Sequence[str | int]) -> str:
    """Write a place as in ``ppo_groups[0].tier``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _names_at(place: Sequence[str | int]) -> list[str]:
    """The names that a table within a recipe may have."""
    kind: Any = Recipe
    for part in place:
        if isinstance(part, str):
            hint = get_type_hints(kind)[part]
            kind = next(iter(get_args(hint)), hint)
    return list(get_type_hints(kind))


def _value_faults(recipe: Recipe) -> list[str]:
    """What is wrong although every value has its type and range."""
    groups = ("imitation_groups", "ppo_groups", "evolution_groups")
    faults = [f"{part} is empty, expected at least one" for part in groups if not getattr(recipe, part)]
    faults += [
        f"{part}[0].begin is {found[0].begin}, expected 0, since something has to be played from the first update on"
        for part in groups
        if (found := getattr(recipe, part)) and found[0].begin
    ]
    if not re.fullmatch(NAME, recipe.name):
        faults.append(f"name is {recipe.name!r}, expected up to 64 letters, digits, '_', '-' and '.', the first no '.'")
    network = recipe.network
    faults += [f"network.{wrong}" for wrong in size_faults(asdict(network))]
    faults += [
        f"evolution_groups[{place}].num_envs is {group.num_envs}, expected an even number, since they play in pairs"
        for place, group in enumerate(recipe.evolution_groups)
        if group.num_envs % 2
    ]
    ignorant = {"imitation": "its teacher knows", "cost_to_go": "its teacher knows", "evolution": "it teaches"}
    for name, who in ignorant.items():
        updates = getattr(recipe, name).updates
        if updates and (network.vocab_size or network.hidden_facts):
            faults.append(f"{name}.updates is {updates}, expected 0: {who} nothing of symbols and variants")
    faults += _credit_faults(recipe)
    faults += _second_learner_faults(recipe) if recipe.ppo.learner == "maskable_ppo" else []
    config = recipe.validation
    found = [fault(f"validation.temperatures.{n}", x, TEMPERATURE) for n, x in enumerate(config.temperatures)]
    faults += only_faults(found)
    if len(config.tiers) != len(config.team_sizes) or not config.tiers:
        counts = f"{len(config.tiers)} tiers and {len(config.team_sizes)} team sizes"
        faults.append(f"validation has {counts}, expected as many of both, at least one")
    empty = [name for name in ("temperatures", "thresholds", "rises") if not getattr(config, name)]
    faults += [f"validation.{name} is empty, expected at least one" for name in empty]
    return faults


def _credit_faults(recipe: Recipe) -> list[str]:
    """Settings of a counterfactual that would do nothing, or leave something without any credit."""
    credit, usual = recipe.ppo.credit, CreditConfig()
    faults = [
        f"ppo.credit.{name} is {getattr(credit, name)!r}, expected a ppo.credit.counterfactual above 0 with it"
        for name in ("alone", "messages", "every", "horizon", "measure")
        if not credit.counterfactual and getattr(credit, name) != getattr(usual, name)
    ]
    if credit.measure == "value" and not credit.horizon:
        faults.append("ppo.credit.horizon is 0, expected at least 1 with ppo.credit.measure = 'value'")
    if credit.alone and (recipe.network.vocab_size or recipe.network.hidden_facts):
        faults.append("ppo.credit.alone is True, expected False with symbols or variants, which it does not teach")
    return faults


def _second_learner_faults(recipe: Recipe) -> list[str]:
    """What the learner of sb3-contrib cannot do."""
    ppo, usual = recipe.ppo, PPOConfig()
    needed = {"critic": "own", **{name: getattr(usual, name) for name in ONLY_OWN_LEARNER}}
    faults = [
        f"ppo.{name} is {getattr(ppo, name)!r}, expected {value!r} with ppo.learner = 'maskable_ppo'"
        for name, value in needed.items()
        if getattr(ppo, name) != value
    ]
    if len(recipe.ppo_groups) != 1:
        faults.append(f"ppo_groups has {len(recipe.ppo_groups)} groups, expected 1 with ppo.learner = 'maskable_ppo'")
    if recipe.last_reward_weights is not None:
        faults.append("last_reward_weights are given, expected none with ppo.learner = 'maskable_ppo'")
    if recipe.network.vocab_size or recipe.network.hidden_facts:
        faults.append("ppo.learner is 'maskable_ppo', expected 'own', which knows of symbols and variants")
    if recipe.network.schedule:
        faults.append("ppo.learner is 'maskable_ppo', expected 'own', which reads the public schedule")
    return faults
