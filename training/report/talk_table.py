"""Who uses talk: what each policy loses when its messages are tampered with, on the same seeds.

Positive signalling and positive listening are what Lowe et al. (arXiv 1903.05168) ask of communication: that messages
depend on what their senders see, and that what is heard changes what others do. Here both are measured by what is lost
without them, in percentage points of the time saved against the silent team:

- worth of talk: lost with `off`;
- signalling: lost with `shuffled` (to whom) and with `scrambled` (about what), where the same number of messages costs
  the same, but no longer follows from what the sender saw;
- listening: lost with `unheard`, where messages cost and teach as ever, but nobody sees them.

A second table has what is lost without the ways to get what one does not know: `without:ask`, `without:meet` or both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import pandas as pd
from rich import box
from rich.padding import Padding
from rich.table import Table

from agents.registry import BASELINE
from training.benchmark.statistics import PAIR, estimate_column, with_reduction
from training.benchmark.tables import policy_cell

USES_OF_TALK = {
    "off": "worth of talk\n(off)",
    "shuffled": "signal: whom\n(shuffled)",
    "scrambled": "signal: what\n(scrambled)",
    "unheard": "listening\n(unheard)",
}
WAYS_TO_ASK = {
    "without:ask": "asking\n(without:ask)",
    "without:meet": "meeting\n(without:meet)",
    "without:ask+meet": "asking, meeting\n(without:ask+meet)",
}
TABLES = {  # by what stands above them
    "Who uses talk: points of time saved that are lost [95% interval]": USES_OF_TALK,
    "Telling or asking: points of time saved that are lost [95% interval]": WAYS_TO_ASK,
}


def talk_tables(results: pd.DataFrame, unicode: bool = True) -> list[Padding]:
    """Make `TABLES`, as far as something was played for them, with a row for each policy, tier and team size.

    Args:
        results: of episodes that were counted, whose policies are named "POLICY" and "POLICY / INTERVENTION".
        unicode: whether lines may be drawn with other characters than ASCII.
    """
    paired = with_reduction(results, BASELINE)
    tampered = [tuple(name.rsplit(" / ", 1)) for name in dict.fromkeys(paired["policy"]) if " / " in name]
    if paired["reduction"].isna().all():
        return []
    tables = []
    for title, measures in TABLES.items():
        shown = {what: heading for what, heading in measures.items() if any(what == other for _, other in tampered)}
        policies = dict.fromkeys(policy for policy, what in tampered if what in shown)
        if shown:
            table = _make_table(title, shown, unicode)
            for policy, (where, group) in product(policies, list(_groups(paired))):
                cells = [_lost(group, policy, what) for what in shown]
                if any(cells):
                    table.add_row(policy_cell(policy), where, *cells)
            tables.append(Padding(table, (1, 0, 0, 0)))
    return tables


def _make_table(title: str, shown: Mapping[str, str], unicode: bool) -> Table:
    """A table without rows; where it is too wide, its cells are broken and none is cut."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, safe_box=not unicode)
    table.show_edge = False
    for heading in ("policy", "workflows, agents"):
        table.add_column(heading, vertical="bottom", overflow="fold")
    for heading in shown.values():
        table.add_column(heading, justify="right", vertical="bottom", overflow="fold")
    return table


def _groups(paired: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Episodes by split, tier and team size, with words for them."""
    for (split, tier, size), group in paired.groupby(["split", "tier", "team_size"], sort=False):
        yield f"{tier} ({split}), {size}", group


def _lost(group: pd.DataFrame, policy: str, what: str) -> str:
    """Points that a policy loses under an intervention, paired by episode, with their interval."""
    whole = group[group["policy"] == policy]
    tampered = group.loc[group["policy"] == f"{policy} / {what}", [*PAIR, "reduction"]]
    both = whole.merge(tampered, on=PAIR, suffixes=("", "_tampered"))
    if not len(both):
        return ""
    both["lost"] = both["reduction"] - both["reduction_tampered"]
    found = estimate_column(both, "lost", f"{policy} {what}")
    interval = f" [{found.low:z.0f}, {found.high:z.0f}]" if pd.notna(found.low) else ""
    return f"{found.value:z.0f}{interval}"
