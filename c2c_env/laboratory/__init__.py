"""Makes `agents` and `training` importable, and runs their command line, which is the script ``c2c-env``.

In a clone the two packages lie at its top. The wheel carries them in this folder, since it must not install a top-level
module `agents` or `training`: other distributions own these names. So they can be imported after `make_importable`.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from c2c_env.errors import C2CError

PACKAGES = ("agents", "training")


class LaboratoryError(C2CError, ImportError):
    """The packages are not there, or others of the same name were imported before them."""


def laboratory_folder() -> Path:
    """Return the folder that holds both packages: this one in a wheel, the root of a clone otherwise.

    Raises:
        LaboratoryError: they are in neither, so that this copy of the package is not whole.
    """
    here = Path(__file__).parent
    places = (here, here.parent.parent)
    for place in places:
        if all((place / name / "__init__.py").is_file() for name in PACKAGES):
            return place
    raise LaboratoryError(f"agents and training are neither in {places[0]} nor in {places[1]}; install c2c-env anew")


def make_importable() -> None:
    """Let `import agents` and `import training` mean the packages of this project, in this process.

    Raises:
        LaboratoryError: they are not there, or another package of that name was imported already.
    """
    folder = laboratory_folder()
    for name in PACKAGES:
        loaded = sys.modules.get(name)
        if loaded is not None and Path(str(loaded.__file__)).parent != folder / name:
            raise LaboratoryError(
                f"another package {name!r} was imported already, from {loaded.__file__}; expected the one in"
                f" {folder}; import that one first, or use it in a process of its own"
            )
    if _first_found() != folder / PACKAGES[0]:
        sys.path.insert(0, str(folder))


def _first_found() -> Path | None:
    """Where `import agents` would find its package now."""
    found = PathFinder.find_spec(PACKAGES[0])
    return Path(found.origin).parent if found is not None and found.origin else None


def main() -> int:
    """Run the command line; return the exit status."""
    make_importable()
    command_line = importlib.import_module("training.__main__")
    return int(command_line.run_process())


def __getattr__(name: str) -> Any:
    """Load `MemberEnv` for Gymnasium's registry, which looks a class up by the name of a module and its own."""
    if name != "MemberEnv":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    make_importable()
    return importlib.import_module("agents.member_env").MemberEnv
