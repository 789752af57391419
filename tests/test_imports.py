"""Who may import whom. The rules are read from the sources, so an import inside a function counts as well."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("c2c_env", "agents", "training")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
# imports run back along workflows -> core -> envs -> agents -> training; what a folder must not import
FORBIDDEN = {
    "c2c_env/workflows": ("c2c_env.core", "c2c_env.envs", "c2c_env.render", "c2c_env.text"),
    "c2c_env/envs": ("c2c_env.text",),
    "c2c_env": ("agents", "training"),
    "agents": ("training",),
}
HEAVY = [
    *("torch", "safetensors", "stable_baselines3", "transformers", "matplotlib", "PIL", "pandas", "rich", "ray"),
    *("openai", "pydantic", "tenacity", "httpx", "httpx2", "aiohttp"),
    *("http.server", "socketserver", "wsgiref", "flask", "fastapi", "starlette", "uvicorn"),
]


# --- reading sources ---------------------------------------------------------------------------------------------


def imports(nodes: Iterator[ast.AST] | list[ast.AST]) -> Iterator[tuple[str, str]]:
    """Pairs (module, name) of the imports among nodes; `import a.b` gives ("a.b", "")."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((module, alias.name) for alias in node.names)


def imported_names(source: str) -> list[str]:
    return [f"{module}.{name}".rstrip(".") for module, name in imports(ast.walk(ast.parse(source)))]


def is_within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def wrong_imports(folder: str, source: str) -> list[str]:
    """Imports that a file of `folder` must not have."""
    return [name for name in imported_names(source) if name.startswith(".") or is_within(name, FORBIDDEN[folder])]


def foreign_to_core(source: str) -> list[str]:
    """Imports of a file of the core other than its own files, foreign libraries, and what has its home below it.

    That is the mark of compiled functions, and for the cache of compiled code how files are read and written.
    """
    own = ("c2c_env.core", "c2c_env.compiled", "c2c_env.disk", "c2c_env.errors")
    return [name for name in imported_names(source) if is_within(name, PACKAGES) and not is_within(name, own)]


def imports_of_numba(source: str) -> list[str]:
    return [name for name in imported_names(source) if is_within(name, ("numba", "numba_cuda"))]


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that an import of the module runs: no bodies of functions, nothing for type checkers only."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    yield node
    typing_only = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    for child in node.orelse if typing_only else ast.iter_child_nodes(node):
        yield from run_at_import(child)


def import_graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """The modules that each module imports when it is imported itself, of those in `sources`."""
    graph: dict[str, set[str]] = {}
    for importer, source in sources.items():
        found = imports(run_at_import(ast.parse(source)))
        modules = {f"{module}.{name}" if f"{module}.{name}" in sources else module for module, name in found}
        graph[importer] = modules & set(sources)
    return graph


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def check_order(graph: dict[str, set[str]]) -> int:
    return len(list(TopologicalSorter(graph).static_order()))


# --- the rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_run_back_along_the_data(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(ROOT)): wrong_imports(folder, path.read_text(encoding="utf-8")) for path in files}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_core_imports_only_its_own_files():
    files = sorted((ROOT / "c2c_env/core").rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(ROOT)): foreign_to_core(path.read_text(encoding="utf-8")) for path in files}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_only_one_folder_knows_numba():
    found = {str(path.relative_to(ROOT).parent) for path in FILES if imports_of_numba(path.read_text(encoding="utf-8"))}
    assert found == {"c2c_env/core/compile"}


def test_modules_do_not_import_each_other_in_a_circle():
    sources = {module_name(path): path.read_text(encoding="utf-8") for path in FILES}
    assert check_order(import_graph(sources)) == len(FILES)


def loaded(modules: str) -> list[str]:
    """Which heavy libraries a fresh interpreter holds after importing modules; any warning fails."""
    code = f"import sys, {modules}; print(*[name for name in {HEAVY} if name in sys.modules])"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_importing_the_environment_loads_no_heavy_library():
    assert loaded("c2c_env") == []


def test_importing_the_renderer_and_the_text_loads_no_heavy_library():
    assert loaded("c2c_env.render, c2c_env.text, c2c_env.episodes.trace") == []


# --- the rules find what breaks them -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("c2c_env/workflows", "import c2c_env.core.work"),
        ("c2c_env/workflows", "from c2c_env import envs"),
        ("c2c_env", "def f():\n    from training.files import digest"),
        ("c2c_env", "from agents import play"),
        ("c2c_env", "from . import config"),
        ("agents", "import training"),
    ],
)
def test_a_forbidden_import_is_found(folder, line):
    assert wrong_imports(folder, f"import agentsmith\nfrom c2c_env import trainings\n{line}\n") != []
    assert wrong_imports(folder, "import agentsmith\nfrom c2c_env import trainings\n") == []


def test_the_core_must_not_look_outside():
    assert foreign_to_core("import numpy\nfrom c2c_env.core import rng\nfrom c2c_env.config import Team") == [
        "c2c_env.config.Team"
    ]


def test_numba_is_found_in_every_form():
    assert imports_of_numba("import numba.cuda\nfrom numba import njit\nimport numba_cuda\nimport numbers") == [
        *("numba.cuda", "numba.njit", "numba_cuda"),
    ]


def test_a_circle_is_found_but_not_one_that_closes_later():
    sources = {
        "p": "",
        "p.a": "from p import b",
        "p.b": "def f():\n    import p.a\nif t.TYPE_CHECKING:\n    import p.a",
    }
    assert check_order(import_graph(sources)) == 3
    with pytest.raises(CycleError):
        check_order(import_graph(sources | {"p.b": "try:\n    from p.a import x\nexcept ImportError:\n    x = 1"}))


def test_a_heavy_library_is_seen():
    assert "http.server" in loaded("http.server")
