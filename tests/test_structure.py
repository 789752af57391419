"""How the sources are laid out: names with one meaning, folders that fit on a page, docstrings in sentences."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [path for package in ("c2c_env", "agents", "training") for path in sorted((ROOT / package).rglob("*.py"))]
LARGEST_FOLDER = 12
# folders that are larger, with their number of files: it may fall, not rise

FRAGMENTS = ("Of", "By", "For", "From", "With", "On", "As", "To")  # words that begin a fragment, seldom a sentence

# stems that several files share, because the files have the same role
SHARED_STEMS = {
    "__init__": "every package has one",
    "actions": "the actions of agents: what they do in a step, and how the network picks them",
    "base": "what the backends, the strategies and the executors of one folder have in common",
    "schedule": "what a team plans to work on, of the scripted and of the oracle team",
    "tables": "results printed as tables, of the benchmark and of the throughput",
    "decompose": "a command, and what it calls",
    "episode": "a command, and what it plays",
    "replay": "a command, and what it calls",
    "tune_oracle": "a command, and what it calls",
}
# public names that are defined several times with different values
SHARED_NAMES = {
    "add_arguments": "every command has one",
    "EXAMPLES": "every command has some",
    "run": "every command has one",
    "main": "every command line has one",
    "make": "what the registry calls to make a policy",
    "load_decider": "how a library loads weights to play them",
}


# --- reading sources ---------------------------------------------------------------------------------------------


def defined_names(source: str) -> Iterator[str]:
    """The public names that a module defines at its top level."""
    for node in ast.parse(source).body:
        for name in names_of(node):
            if not name.startswith("_"):
                yield name


def names_of(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def repeated_stems(paths: Iterable[Path]) -> set[str]:
    return {stem for stem, count in Counter(path.stem for path in paths).items() if count > 1}


def repeated_names(sources: dict[str, str]) -> dict[str, list[str]]:
    """Modules by the public name that they all define."""
    modules: dict[str, list[str]] = defaultdict(list)
    for module, source in sources.items():
        for name in dict.fromkeys(defined_names(source)):
            modules[name].append(module)
    return {name: found for name, found in modules.items() if len(found) > 1}


def have_one_value(name: str, modules: list[str]) -> bool:
    values = [getattr(importlib.import_module(module), name) for module in modules]
    return all(value == values[0] for value in values)


def files_per_folder(paths: Iterable[Path]) -> Counter[Path]:
    return Counter(path.parent for path in paths if path.stem != "__init__")


def docstrings(source: str, module: str) -> Iterator[tuple[str, str]]:
    """The docstring of a module and those of its public classes, functions and methods, by name."""
    yield from docstrings_of(ast.parse(source), module)


def docstrings_of(node: ast.Module | ast.ClassDef | ast.FunctionDef, name: str) -> Iterator[tuple[str, str]]:
    text = ast.get_docstring(node)
    if text is not None:
        yield name, text
    for child in [] if isinstance(node, ast.FunctionDef) else node.body:
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield from docstrings_of(child, f"{name}.{child.name}")


def is_a_sentence(text: str) -> bool:
    """It begins with a capital letter or a name from the code, and summary and text end with a full stop."""
    first_word = text.split()[0]
    if first_word in FRAGMENTS:
        return False
    from_code = re.search(r"[`\[\]_0-9=]", first_word)
    summary = text.split("\n\n")[0]
    stops = [summary, text] if not text.startswith("## ") else [text]
    return bool(first_word[0].isupper() or from_code or text.startswith("## ")) and all(s.endswith(".") for s in stops)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


# --- the rules ---------------------------------------------------------------------------------------------------


def test_a_stem_repeats_only_for_the_same_role():
    assert repeated_stems(FILES) - set(SHARED_STEMS) == set()


def test_a_public_name_has_one_meaning():
    sources = {module_name(path): path.read_text(encoding="utf-8") for path in FILES}
    repeated = {name: found for name, found in repeated_names(sources).items() if name not in SHARED_NAMES}
    assert {name: found for name, found in repeated.items() if not have_one_value(name, found)} == {}


def test_folders_stay_small():
    counts = {str(folder.relative_to(ROOT)): count for folder, count in files_per_folder(FILES).items()}
    too_large = {folder: n for folder, n in counts.items() if n > LARGEST_FOLDER}
    assert too_large == {}


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_docstrings_are_sentences(path):
    found = docstrings(path.read_text(encoding="utf-8"), module_name(path))
    assert [(name, text) for name, text in found if not is_a_sentence(text)] == []


def unexplained_names(source: str) -> list[str]:
    """Arguments of one letter: in compiled functions the ones not explained, elsewhere all but x and y."""
    tree = ast.parse(source)
    explained = (ast.get_docstring(tree) or "").partition("Short names: ")[2]
    wrong = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            short = {argument.arg for argument in node.args.args + node.args.kwonlyargs if len(argument.arg) == 1}
            marked = {ast.unparse(mark) for mark in node.decorator_list} & {"compiled", "merged"}
            said = {name for name in short if re.search(rf"\b{name}\s(is|are)\s", explained)}
            known = said if marked else {"x", "y", "_"}
            wrong += [f"{node.name}({name})" for name in sorted(short - known)]
    return wrong


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_arguments_have_whole_words_or_are_explained(path):
    assert unexplained_names(path.read_text(encoding="utf-8")) == []


# --- the rules find what breaks them -----------------------------------------------------------------------------


def test_a_repeated_stem_is_found():
    assert repeated_stems([Path("a/x.py"), Path("b/x.py"), Path("b/y.py")]) == {"x"}


def test_a_repeated_name_is_found():
    sources = {"a": "A, B = 1, 2\n_c = 3\nclass D: ...", "b": "B: int = 2\n_c = 3\ndef D(): ...\nE = 4"}
    assert repeated_names(sources) == {"B": ["a", "b"], "D": ["a", "b"]}


def test_equal_values_are_told_from_different_ones():
    assert have_one_value("MAX_COMPLEXITY", ["c2c_env.workflows.schema", "c2c_env.core.constants"])
    assert not have_one_value("run", ["training.commands.learning.train", "training.commands.episodes.replay"])


def test_every_exception_is_needed():
    sources = {module_name(path): path.read_text(encoding="utf-8") for path in FILES}
    assert set(SHARED_STEMS) <= repeated_stems(FILES)
    assert set(SHARED_NAMES) <= set(repeated_names(sources))


def test_a_large_folder_is_counted_without_its_init():
    paths = [Path(f"a/f{n}.py") for n in range(13)] + [Path("a/__init__.py"), Path("a/b/c.py")]
    assert files_per_folder(paths) == {Path("a"): 13, Path("a/b"): 1}


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("Do this.", True),
        ("`name` is known.", True),
        ("int64 [B] of rows.", True),
        ("Summary.\n\nMore of it.", True),
        ("## Page\n\nText.", True),
        ("do this.", False),
        ("Do this", False),
        ("Summary\n\nMore of it.", False),
        ("Summary.\n\nMore of it", False),
    ],
)
def test_a_sentence_is_told_from_a_note(text, good):
    assert is_a_sentence(text) is good


def test_docstrings_are_found_at_every_level():
    source = (
        '"""m."""\nclass C:\n    """c."""\n    def f(self):\n        """f."""\n    def _g(self):\n        """g."""\n'
    )
    assert list(docstrings(source, "m")) == [("m", "m."), ("m.C", "c."), ("m.C.f", "f.")]


def test_short_arguments_are_found():
    module = '"""Work.\n\nShort names: p are the parameters."""\n'
    assert unexplained_names(module + "@compiled\ndef f(p, k): ...\ndef g(p, x): ...") == ["f(k)", "g(p)"]
