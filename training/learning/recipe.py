"""Recipes: what a learner is trained with, as data (TOML). Everything has a default; unknown names are errors."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

from agents.learned.weights import NetworkConfig
from c2c_env.errors import ConfigError, raise_faults, unknown_name
from c2c_env.workflows import TIERS
from training.learning.imitation import ImitationConfig
from training.learning.mappo import PPOConfig
from training.learning.validation import ValidationConfig

RECIPE_FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class GroupConfig:
    """Environments of one kind.

    Attributes:
        tier: of the workflows.
        team_size: N.
        num_envs: environments that are stepped side by side.
    """

    tier: str = "simple"
    team_size: int = 5
    num_envs: int = 64


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the weights.

    Attributes:
        name: of the run's folder.
        seed: fixes everything.
        threads: of torch; results may differ in the last bits with another number.
        network: sizes.
        imitation: first stage; 0 updates leave it out.
        imitation_groups: what is played there.
        ppo: second stage; 0 updates leave it out.
        ppo_groups: what is played there.
        imitation_chunk, ppo_chunk: updates from one checkpoint to the next. The environments start anew there, in an
            interrupted run and in an uninterrupted one alike, so that both end with the same weights.
        reward_weights: of progress, alignment, communication and time, for the learner.
        validation: how the way to play the weights is chosen.
    """

    name: str = "team"
    seed: int = 1
    threads: int = 1
    network: NetworkConfig = field(default_factory=NetworkConfig)
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    imitation_groups: tuple[GroupConfig, ...] = (GroupConfig(num_envs=256),)
    imitation_chunk: int = 500
    ppo: PPOConfig = field(default_factory=PPOConfig)
    ppo_groups: tuple[GroupConfig, ...] = (GroupConfig(),)
    ppo_chunk: int = 25
    reward_weights: tuple[float, float, float, float] = (1.0, 0.5, 0.5, 0.5)
    validation: ValidationConfig = field(default_factory=ValidationConfig)


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.stem for path in RECIPE_FOLDER.glob("*.toml"))


def load_recipe(name: str) -> Recipe:
    """A recipe by name or path.

    Raises:
        ConfigError: no such recipe, no valid TOML, or wrong names and values, all of them at once.
    """
    path = RECIPE_FOLDER / f"{name}.toml" if name in shipped_recipes() else Path(name)
    if not path.is_file():
        raise ConfigError(f"{unknown_name('recipe', name, shipped_recipes())}, nor is it the path of a file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    faults: list[str] = []
    recipe: Recipe = _build(Recipe, table, "", faults)
    raise_faults(ConfigError, f"bad recipe {path}", faults or _value_faults(recipe))
    return recipe


def _build(kind: type[Any], table: dict[str, Any], where: str, faults: list[str]) -> Any:
    """An instance of a dataclass from a table; what is wrong is added to `faults` and left at its default."""
    hints = get_type_hints(kind)
    faults += [f"{where}{unknown_name('name', name, hints)}" for name in table if name not in hints]
    values = {}
    for name, given in table.items():
        if name in hints:
            fault, value = _read(hints[name], given, f"{where}{name}", faults)
            if fault:
                faults.append(f"{where}{name} is {given!r}, expected {fault}")
            else:
                values[name] = value
    return kind(**values)


def _read(hint: Any, given: Any, where: str, faults: list[str]) -> tuple[str, Any]:
    """What would have been expected ("" if it is that), and the value."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(given, dict):
            return "a table", None
        return "", _build(hint, given, f"{where}.", faults)  # type: ignore[arg-type]
    if args := get_args(hint):  # a tuple of one type
        if not isinstance(given, list):
            return "a list", None
        read = [_read(args[0], one, f"{where}[{n}]", faults) for n, one in enumerate(given)]
        return next((fault for fault, _ in read if fault), ""), tuple(value for _, value in read)
    if hint is float:
        number = isinstance(given, int | float) and not isinstance(given, bool)
        return ("", float(given)) if number else ("a number", None)
    right = isinstance(given, hint) and not isinstance(given, bool)
    return ("", given) if right else ({int: "an integer", str: "a string"}[hint], None)


def _value_faults(recipe: Recipe) -> list[str]:
    faults = []
    for part in ("imitation_groups", "ppo_groups"):
        groups = getattr(recipe, part)
        faults += [f"{part} is empty, expected at least one"] if not groups else []
        for n, group in enumerate(groups):
            if group.tier not in TIERS:
                faults.append(f"{part}[{n}]: {unknown_name('tier', group.tier, TIERS)}")
            faults += _too_small(group, f"{part}[{n}].", {"team_size": 1, "num_envs": 1})
    faults += _too_small(recipe, "", {"seed": 0, "threads": 1, "imitation_chunk": 1, "ppo_chunk": 1})
    faults += _too_small(recipe.network, "network.", {"hidden": 8, "rounds": 1, "own": 1, "key": 1})
    faults += _too_small(recipe.imitation, "imitation.", {"updates": 0, "teacher_updates": 0})
    faults += _too_small(recipe.ppo, "ppo.", {"updates": 0, "steps": 1, "epochs": 1, "minibatches": 1})
    if recipe.network.hidden % 8:
        faults.append(f"network.hidden is {recipe.network.hidden}, expected a multiple of 8")
    if recipe.ppo.critic not in ("central", "own"):
        faults.append(f"ppo.critic is {recipe.ppo.critic!r}, expected 'central' or 'own'")
    for name in ("discount", "trace", "sharing", "last_sharing", "last_share"):
        if not 0.0 <= getattr(recipe.ppo, name) <= 1.0:
            faults.append(f"ppo.{name} is {getattr(recipe.ppo, name)}, expected a number in [0, 1]")
    if len(recipe.reward_weights) != 4 or min(recipe.reward_weights) < 0.0:
        faults.append(f"reward_weights is {list(recipe.reward_weights)}, expected four numbers >= 0")
    return faults + _validation_faults(recipe.validation)


def _validation_faults(config: ValidationConfig) -> list[str]:
    faults = _too_small(config, "validation.", {"num_workflows": 1})
    faults += [f"validation.tiers: {unknown_name('tier', tier, TIERS)}" for tier in config.tiers if tier not in TIERS]
    if len(config.tiers) != len(config.team_sizes) or not config.tiers:
        sizes = f"{len(config.tiers)} tiers and {len(config.team_sizes)} team sizes"
        faults.append(f"validation has {sizes}, expected as many of both, at least one")
    if not config.temperatures or min(config.temperatures) < 0.0:
        faults.append(f"validation.temperatures is {list(config.temperatures)}, expected numbers >= 0")
    return faults


def _too_small(part: Any, where: str, least: dict[str, int]) -> list[str]:
    return [
        f"{where}{name} is {getattr(part, name)}, expected at least {bound}"
        for name, bound in least.items()
        if getattr(part, name) < bound
    ]
