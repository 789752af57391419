"""The table of who uses talk: points of time saved that are lost, paired by episode."""

from __future__ import annotations

import io
from collections import Counter

import pandas as pd
import pytest
from rich.console import Console

from training.report.talk_table import USES_OF_TALK, WAYS_TO_ASK, talk_tables


def episodes(policy, times):
    """Episodes of a policy on as many workflows, each of which takes the silent team 100 hours."""
    return [
        {
            "policy": policy, "split": "generated", "tier": "simple", "workflow": f"w{n}", "team_size": 5, "seed": n,
            "completion_time": time, "score": 0.5,
        }
        for n, time in enumerate(times)
    ]  # fmt: skip


def printed(results, width=100):
    console = Console(width=width, file=io.StringIO())
    for part in talk_tables(pd.DataFrame(results), unicode=False):
        console.print(part)
    return console.file.getvalue()


def test_what_is_lost_is_the_difference_of_time_saved_in_points():
    results = episodes("no_communication", [100, 100, 100]) + episodes("proactive", [60, 50, 40])
    results += episodes("proactive / off", [100, 100, 100]) + episodes("proactive / unheard", [61, 52, 43])
    text = printed(results)
    [row] = [line for line in text.splitlines() if line.strip().startswith("proactive")]
    assert "simple (generated), 5" in row
    # (40 + 50 + 60) / 3 and (1 + 2 + 3) / 3, behind the number of agents
    assert [word for word in row.split() if word.isdecimal()] == ["5", "50", "2"]
    assert "worth of talk" in text
    assert "listening" in text
    assert "signal" not in text  # nothing was shuffled or scrambled


def test_episodes_are_paired_and_those_without_a_partner_left_out():
    results = episodes("no_communication", [100, 50]) + episodes("a", [50, 25]) + episodes("a / shuffled", [80])
    [row] = [line for line in printed(results).splitlines() if line.strip().startswith("a ")]
    assert row.split()[-1] == "30"


def test_seeds_of_a_workflow_are_told_apart():
    results = episodes("no_communication", [100, 100]) + episodes("a", [50, 90]) + episodes("a / off", [60, 100])
    for row in results:
        row["workflow"] = "w"
    [row] = [line for line in printed(results).splitlines() if line.strip().startswith("a ")]
    assert row.split()[-3:] == ["10", "[10,", "10]"]


def test_forms_of_speech_have_a_table_that_says_which_were_left_out():
    results = episodes("no_communication", [100]) + episodes("a", [50]) + episodes("a / without:ask+meet", [80])
    text = printed(results + episodes("a / without:ask", [60]))
    [row] = [line for line in text.splitlines() if line.strip().startswith("a ")]
    assert row.split()[-2:] == ["10", "30"]
    assert text.index("(without:ask)") < text.index("(without:ask+meet)")
    assert "asking, meeting" in text
    assert "Telling or asking" in text
    assert "Who uses talk" not in text


def test_what_rounds_to_nothing_has_no_sign():
    results = episodes("no_communication", [1000, 1000]) + episodes("a", [501, 503]) + episodes("a / off", [500, 499])
    [row] = [line for line in printed(results).splitlines() if line.strip().startswith("a ")]
    assert row.split()[-3:] == ["0", "[0,", "0]"]


@pytest.mark.parametrize("width", [70, 80, 100])
def test_nothing_is_cut_off_where_a_table_is_too_wide(width):
    name = "a_policy_with_a_long_name"
    results = episodes("no_communication", [100, 90, 80]) + episodes(name, [50, 40, 30])
    for what in (*USES_OF_TALK, *WAYS_TO_ASK):
        results += episodes(f"{name} / {what}", [87, 67, 47])
    wide, narrow = (Counter(printed(results, columns)) for columns in (200, width))
    for layout in " \n-\u2500":
        del wide[layout], narrow[layout]
    assert narrow == wide  # broken over lines, with the same characters


def test_without_interventions_or_a_silent_team_there_is_no_table():
    whole = episodes("no_communication", [100]) + episodes("a", [50])
    assert talk_tables(pd.DataFrame(whole)) == []
    assert talk_tables(pd.DataFrame(whole + episodes("a / lossy:0.5", [60]))) == []
    assert talk_tables(pd.DataFrame(episodes("a", [50]) + episodes("a / off", [60]))) == []
