"""Policies from outside of this project: in a module or file of the user's, or offered by an installed package.

They are named ``package.module:NAME`` or ``path/to/file.py:NAME``, with ``:ARGUMENT`` behind if they take one. NAME is
a class or a function that makes a policy; it is called with nothing, with the context, or with the context and the
argument, as many as it takes. A package offers policies as entry points of the group `GROUP`, by names of their own.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from agents.policy import Policy, PolicyContext
from c2c_env.errors import ConfigError, unknown_name

GROUP = "c2c_env.policies"
HOW = "own policies are named MODULE:NAME or FILE.py:NAME"
_THIS_PROJECT = ("c2c_env", "agents", "training")
_INSTALLED = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib")}


@dataclass(frozen=True)
class OwnPolicy:
    """Where a policy is found.

    Attributes:
        place: a module, or the path of a Python file.
        name: of the class or function in it; "" if it was left out.
        argument: what it is made with.
    """

    place: str
    name: str
    argument: str = ""

    @property
    def is_file(self) -> bool:
        """Whether the place is a path."""
        return self.place.endswith(".py")


def parse_own(text: str) -> OwnPolicy | None:
    """Read the name of an own policy; None if the text has another form."""
    place, _, rest = text.partition(":")
    name, _, argument = rest.partition(":")
    own = OwnPolicy(place, name, argument)
    is_module = bool(name) and name.isidentifier() and all(part.isidentifier() for part in place.split("."))
    return own if own.is_file or is_module else None


def offered_policies() -> dict[str, list[EntryPoint]]:
    """The policies that installed packages offer, by name; one to a name, if all is well."""
    offered: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        offered.setdefault(point.name, []).append(point)
    return offered


# --- loading -----------------------------------------------------------------------------------------------------


def load_maker(own: OwnPolicy) -> Callable[..., Any] | None:
    """The class or function of an own policy; None if there is no such module.

    Raises:
        ConfigError: the file is missing, the code fails, or it has no such name.
    """
    module = _load_file(own) if own.is_file else _load_module(own.place)
    return None if module is None else _find(module, own)


def load_offered(points: list[EntryPoint]) -> Callable[..., Any]:
    """The class or function that a package offers under a name.

    Raises:
        ConfigError: several packages offer one under this name, or it cannot be loaded.
    """
    point, *others = points
    if others:
        places = " and ".join(one.value for one in points)
        raise ConfigError(f"several packages offer a policy {point.name!r}: {places}; name one of these instead")
    try:
        found: Callable[..., Any] = point.load()
    except Exception as error:
        raise ConfigError(f"policy {point.name!r} ({point.value}) cannot be loaded: {_told(error)}") from error
    return found


def _load_file(own: OwnPolicy) -> ModuleType:
    path = Path(own.place)
    if not path.is_file():
        raise ConfigError(f"policy {own.place}:{own.name}: there is no file {own.place!r}")
    return _run_file(path.resolve())


@cache
def _run_file(path: Path) -> ModuleType:
    """Run a file once as a module of its own; what lies beside it can be imported, as by a script."""
    _let_import_from(path.parent)
    _check_neighbours(path)
    spec = importlib.util.spec_from_file_location(f"own_policy_{path.stem}_{abs(hash(path)):x}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{str(path)!r} cannot be loaded: {_told(error)}") from error
    return module


def _check_neighbours(path: Path) -> None:
    """Refuse a file whose neighbour has the name of something else that is loaded, which it would get instead."""
    for unit in _units_of(path):
        loaded = sys.modules.get(unit.stem)
        place = getattr(loaded, "__file__", None)
        if unit != path and loaded is not None and (place is None or not _is_in(Path(place), unit)):
            raise ConfigError(
                f"{str(path)!r} imports {unit.stem!r}, which lies beside it, but another module of this name is loaded"
                f" already ({place or 'built in'}); expected a name of its own"
            )


def _is_in(file: Path, unit: Path) -> bool:
    return file.resolve() == unit or unit in file.resolve().parents


def _load_module(name: str) -> ModuleType | None:
    _let_import_from(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return None
        raise ConfigError(f"module {name!r} cannot be loaded: {_told(error)}") from error
    except Exception as error:
        raise ConfigError(f"module {name!r} cannot be loaded: {_told(error)}") from error


def _let_import_from(folder: Path) -> None:
    """Look in a folder last, so that nothing in it takes the place of a library."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _find(module: ModuleType, own: OwnPolicy) -> Callable[..., Any]:
    found: Callable[..., Any] | None = getattr(module, own.name, None) if own.name else None
    if not callable(found):
        here = [name for name, value in vars(module).items() if _defines(module, value) and not name.startswith("_")]
        if not own.name:
            raise ConfigError(f"{own.place} names a file; expected {own.place}:NAME (valid: {', '.join(sorted(here))})")
        raise ConfigError(unknown_name(f"class or function of {own.place}", own.name, here))
    return found


def _defines(module: ModuleType, value: object) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


# --- making ------------------------------------------------------------------------------------------------------


def make_own(maker: Callable[..., Any], title: str, context: PolicyContext, argument: str) -> Policy:
    """Make an own policy, and check that it is one.

    Raises:
        ConfigError: it takes no argument and was given one, or what it makes is no policy.
    """
    policy = maker(*(context, argument)[: _count_taken(maker, title, bool(argument))])
    missing = [f"{name}({words})" for name, words in _METHODS.items() if not callable(getattr(policy, name, None))]
    if missing:
        raise ConfigError(
            f"policy {title!r} makes a {type(policy).__name__} without {' and '.join(missing)};"
            " expected what agents.policy.Policy says"
        )
    made: Policy = policy
    return made


_METHODS = {"reset": "rows", "act": "observations, action_masks, rows"}


def _count_taken(maker: Callable[..., Any], title: str, has_argument: bool) -> int:
    """How many of context and argument a maker gets: what it must have, and what it can take of what there is."""
    try:
        parameters = list(inspect.signature(maker).parameters.values())
    except ValueError:  # of a callable in C
        return 1 + has_argument
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    most = 2 if any(p.kind == p.VAR_POSITIONAL for p in parameters) else len(places)
    if has_argument and most < 2:
        raise ConfigError(f"policy {title!r} takes no argument; it is made by {getattr(maker, '__name__', maker)}")
    needed = sum(p.default is p.empty for p in places)
    return min(2, max(needed, min(most, 1 + has_argument)))


# --- sources -----------------------------------------------------------------------------------------------------


@cache
def source_files_of(maker: object) -> list[Path]:
    """The files that determine what a maker makes: its module, and what that imports from the same folder.

    Nothing of this project is listed, nor are other installed packages.
    """
    module = sys.modules.get(getattr(maker, "__module__", ""))
    file = getattr(module, "__file__", None)
    if module is None or file is None or module.__name__.partition(".")[0] in _THIS_PROJECT:
        return []
    depth = module.__name__.count(".") + (Path(file).stem == "__init__")
    path = Path(file).resolve()
    unit = path if depth == 0 else path.parents[depth - 1]
    units = [unit] if unit.parent in _INSTALLED else _units_of(unit)
    return sorted(file for unit in units for file in _files_in(unit))


def _units_of(first: Path) -> list[Path]:
    """A module or package and those in the same folder that it imports, directly or not."""
    found, waiting = [first], [first]
    while waiting:
        for file in _files_in(waiting.pop()):
            new = [unit for name in _imported_names(file) for unit in _neighbours(first.parent, name)]
            fresh = [unit for unit in dict.fromkeys(new) if unit not in found]
            found += fresh
            waiting += fresh
    return found


def _files_in(unit: Path) -> list[Path]:
    return sorted(unit.rglob("*.py")) if unit.is_dir() else [unit]


def _imported_names(file: Path) -> Iterator[str]:
    """The top-level names that a file imports, wherever in it."""
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError):  # whoever loads it says so
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _neighbours(folder: Path, name: str) -> list[Path]:
    if name in _THIS_PROJECT:
        return []
    return [place for place in (folder / name, folder / f"{name}.py") if place.is_file() or _is_package(place)]


def _is_package(place: Path) -> bool:
    return place.is_dir() and any(place.glob("*.py"))
