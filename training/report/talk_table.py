"""Who uses talk: what each policy loses when its messages are tampered with, on the same seeds.

Positive signalling and positive listening are what Lowe et al. (arXiv 1903.05168) ask of communication: that messages
depend on what their senders see, and that what is heard changes what others do. Here both are measured by what is lost
without them, in percentage points of the time saved against the silent team:

- worth of talk: lost with `off`, and of the ways to get what one does not know with `without:ask`, `without:meet` or
  both;
- signalling: lost with `shuffled` (to whom) and with `scrambled` (about what), where the same number of messages costs
  the same, but no longer follows from what the sender saw;
- listening: lost with `unheard`, where messages cost and teach as ever, but nobody sees them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from rich import box
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from agents.registry import BASELINE
from c2c_env.text.names import one_line
from training.benchmark.statistics import PAIR, estimate_column, with_reduction

MEASURES = {
    "off": "worth of talk\n(off)",
    "without:ask": "asking\n(without:ask)",
    "without:meet": "meeting\n(without:meet)",
    "without:ask+meet": "asking, meeting\n(without:ask+meet)",
    "shuffled": "signal: whom\n(shuffled)",
    "scrambled": "signal: what\n(scrambled)",
    "unheard": "listening\n(unheard)",
}
TITLE = "Who uses talk: points of time saved that are lost [95% interval]"


def talk_table(results: pd.DataFrame, unicode: bool = True) -> list[Padding]:
    """Make a table with a row for each policy, tier and team size that was played under one of `MEASURES`, if any was.

    Args:
        results: of episodes that were counted, whose policies are named "POLICY" and "POLICY / INTERVENTION".
        unicode: whether lines may be drawn with other characters than ASCII.
    """
    paired = with_reduction(results, BASELINE)
    tampered = [name.rsplit(" / ", 1) for name in dict.fromkeys(paired["policy"]) if " / " in name]
    shown = [what for what in MEASURES if any(what == other for _, other in tampered)]
    if not shown or paired["reduction"].isna().all():
        return []
    table = Table(title=TITLE, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, safe_box=not unicode)
    table.show_edge = False
    for heading in ("policy", "workflows, agents"):
        table.add_column(heading, vertical="bottom", no_wrap=heading != "policy")
    for name in shown:
        table.add_column(MEASURES[name], justify="right", no_wrap=True, vertical="bottom")
    for policy in dict.fromkeys(policy for policy, what in tampered if what in MEASURES):
        for where, group in _groups(paired):
            cells = [_lost(group, policy, name) for name in shown]
            if any(cells):
                table.add_row(escape(one_line(policy)), where, *cells)
    return [Padding(table, (1, 0, 0, 0))]


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
    interval = f" [{found.low:.0f}, {found.high:.0f}]" if pd.notna(found.low) else ""
    return f"{found.value:.0f}{interval}"
