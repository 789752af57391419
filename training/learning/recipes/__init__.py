"""The recipes that come with the project, by name; what is in them is read by `training.learning.recipe`."""

from __future__ import annotations

from pathlib import Path

RECIPE_FOLDER = Path(__file__).parent


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the project."""
    return sorted(path.relative_to(RECIPE_FOLDER).with_suffix("").as_posix() for path in RECIPE_FOLDER.rglob("*.toml"))


def recipe_summary(name: str) -> str:
    """The first line of a shipped recipe, which says what it is for."""
    return (RECIPE_FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
