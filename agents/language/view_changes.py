"""What is new in a view of the board, for models that still have the earlier ones before them."""

from __future__ import annotations

# sections that are tables: their rows stay true until a row of the same name comes; all others are shown whole
_TABLES = ("Team", "Subtasks", "Board", "Your choices now")
_ALWAYS = "Time"  # the section that is always shown, so that no step goes by without a word


def view_changes(before: str, after: str) -> str:
    """Write what changed from one view of an agent to the next, as `c2c_env.text.render` writes them.

    The line that says how much time is used is always there. Of tables only the rows that changed are shown, and a
    section that is gone is named.
    """
    old, new = _sections(before), _sections(after)
    parts = [_changed(head, old.get(head, []), lines) for head, lines in new.items()]
    parts += [f"{head}: nothing any more." for head in old if head not in new]
    return "\n".join(part for part in parts if part)


def _sections(view: str) -> dict[str, list[str]]:
    """Return the lines of each section by the beginning of its first line."""
    sections = [part.split("\n") for part in view.split("\n\n") if part]
    return {lines[0].partition(":")[0].partition(" (")[0]: lines for lines in sections}


def _changed(head: str, old: list[str], new: list[str]) -> str:
    if head not in _TABLES:
        return "" if head != _ALWAYS and old == new else "\n".join(new)
    known = set(old)
    rows = [line for line in new if line not in known]
    return "\n".join([f"{head}:", *rows]) if rows else ""
