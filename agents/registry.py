"""Policies by name: `name` or `name:argument`, for example `fixed_steps:4`."""

from __future__ import annotations

from collections.abc import Callable

from agents.base import Policy, PolicyContext
from agents.scripted import teams
from c2c_env.errors import ConfigError, MissingExtraError, unknown_name

Maker = Callable[[PolicyContext, str], Policy]

POLICIES: dict[str, Maker] = {}
DESCRIPTIONS: dict[str, str] = {}


def register(name: str, maker: Maker, description: str) -> None:
    """Add a policy; `maker(context, argument)` gets what stands behind the colon, or ""."""
    POLICIES[name] = maker
    DESCRIPTIONS[name] = description


def make_policy(name: str, context: PolicyContext) -> Policy:
    """Make a policy for a context.

    Raises:
        ConfigError: unknown name (with the nearest valid one) or an argument that it does not take.
    """
    kind, _, argument = name.partition(":")
    if kind not in POLICIES:
        raise ConfigError(unknown_name("policy", kind, POLICIES))
    return POLICIES[kind](context, argument)


def _make_learned(context: PolicyContext, argument: str) -> Policy:
    """Torch is loaded only where it is needed."""
    try:
        from agents.learned.policy import make_learned
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"learned policies need {error.name}, which is not installed; install the extra: pip install -e '.[train]'"
        ) from error
    return make_learned(context, argument)


for _team in teams.TEAMS:
    register(_team.name, _team.make, _team.description)
register("learned", _make_learned, "plays trained weights (learned:PATH; without a path the shipped ones)")
