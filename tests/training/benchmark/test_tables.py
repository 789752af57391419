from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from c2c_env import METRICS
from training.benchmark import tables
from training.benchmark.results import MODEL_COLUMNS, RESULT_COLUMNS


def episode(policy, seed, time, *, tier="simple", workflow="one", size=5, split="built-in", **metrics):
    values = (
        dict.fromkeys(METRICS, 0.5)
        | {"success": 1.0, "completion_time": time, "score": 0.25, "invalid_actions": 0.0}
        | metrics
    )
    where = {"policy": policy, "tier": tier, "workflow": workflow, "split": split, "team_size": size, "seed": seed}
    return where | values


def frame(*episodes):
    return pd.DataFrame(episodes, columns=RESULT_COLUMNS)


@pytest.fixture
def results():
    """Reductions of `quick`: 50 % and 40 %."""
    return frame(
        episode("no_communication", 0, 20.0, communication_hours=0.0, synchronous_share=float("nan")),
        episode("no_communication", 1, 30.0, communication_hours=0.0, synchronous_share=float("nan")),
        episode("quick", 0, 10.0, communication_hours=3.0, synchronous_share=0.25, mean_alignment=0.75),
        episode("quick", 1, 18.0, communication_hours=4.0, synchronous_share=0.75, mean_alignment=0.65),
    )


def shown(results, path=None):
    stream = io.StringIO()
    console = Console(file=stream, width=tables.REPORT_WIDTH, color_system=None)
    with tempfile.TemporaryDirectory() as folder:
        tables.show_report(results, console, path or Path(folder) / "report.txt")
    return stream.getvalue()


def row(text, policy):
    return next(line.split() for line in text.splitlines() if line.startswith(policy + " "))


def test_row_of_a_policy(results):
    # time (10 + 18) / 2; reductions 50 and 40: mean and IQM 45, resamples from 40 to 50
    assert row(shown(results), "quick") == [
        "quick", "14.0", "45", "[40,", "50]", "45", "0.25", "0.50", "3.5", "50", "50", "0.70", "50", "100",
    ]  # fmt: skip


def test_baseline_is_not_compared_with_itself_and_nothing_measured_is_a_dash(results):
    assert row(shown(results), "no_communication") == [
        "no_communication", "25.0", "0.25", "0.50", "0.0", "-", "50", "0.50", "50", "100",
    ]  # fmt: skip


def test_counts_of_episodes(results):
    text = shown(results)
    assert "2 episodes per row, of 1 workflow\n" in "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    assert "4 episodes in all" in text


def test_unfinished_episodes_are_marked_and_counted(results):
    late = frame(episode("slow", 0, 50.0, success=0.0, score=0.0), episode("slow", 1, 60.0))
    text = shown(pd.concat([results, late]))
    assert row(text, "slow")[1] == "55.0*"
    assert row(text, "slow")[-1] == "50"
    assert "* 1 episode reached the horizon unfinished (slow 1)" in text
    assert "*" not in shown(results)


def test_without_baseline_the_report_says_so(results):
    text = shown(results[results["policy"] == "quick"])
    assert "No reductions: no_communication is not among the policies." in text
    assert row(text, "quick")[:3] == ["quick", "14.0", "0.25"]


def test_sections_by_split_tier_and_size(results):
    more = frame(
        episode("quick", 0, 9.0, size=17),
        episode("quick", 0, 9.0, tier="complex", workflow="two"),
        episode("quick", 0, 9.0, workflow="three", split="generated"),
    )
    lines = [line.strip() for line in shown(pd.concat([results, more])).splitlines()]
    heads = [line for line in lines if "workflows (" in line or line.endswith(" agents")]
    assert heads == [
        "simple workflows (built-in)", "5 agents", "17 agents",
        "complex workflows (built-in)", "5 agents",
        "simple workflows (generated)", "5 agents",
    ]  # fmt: skip


def test_decisions_that_the_mask_forbade_have_a_column_where_there_are_any(results):
    # 5 agents: 3 of 20 decisions are 15 %, none of 50 are 0 %
    odd = frame(
        episode("odd", 0, 9.0, steps=4.0, invalid_actions=3.0), episode("odd", 1, 9.0, steps=10.0),
    )  # fmt: skip
    text = shown(pd.concat([results, odd]))
    assert row(text, "odd")[-1] == "7.5"
    assert row(text, "quick")[-1] == "0.0"
    assert "Invalid: share of the decisions that the mask forbade" in text
    assert "lid %" not in shown(results)
    assert "Invalid" not in shown(results)


def test_fits_into_a_hundred_columns_with_wide_numbers(results):
    wide = frame(*(episode("a_policy_with_a_very_long_name", s, 2000.0 + s, communication_hours=12345.6, success=0.0,
                   invalid_actions=0.1)
                   for s in (0, 1)))  # fmt: skip
    text = shown(pd.concat([results, wide]))
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "12345.6" in text
    assert "2000.5*" in text


def test_reasons_of_invalid_answers_are_summed_for_every_prompted_team(results):
    asked = dict.fromkeys(set(MODEL_COLUMNS) - {"failure", "invalid_reasons"}, 0.0) | {"answers": 40.0, "failure": ""}
    reasons = ['{"cut off": 9000}', '{"refusal": 2, "cut off": 350}', "{}"]
    rows = [
        episode(policy, seed, 9.0) | asked | {"invalid_reasons": text}
        for policy, seed, text in zip(
            ("prompted:spp@m", "prompted:spp@m", "prompted:c2c@m"), (0, 1, 0), reasons, strict=True
        )
    ]
    text = " ".join(shown(pd.concat([results, pd.DataFrame(rows)])).split())
    assert "Invalid answers of prompted:spp@m: 9,350 cut off, 2 refusal." in text
    assert "Invalid answers of prompted:c2c@m" not in text
    assert "Invalid answers" not in shown(results)


def test_file_is_the_same_table(results, tmp_path):
    text = shown(results, tmp_path / "report.txt")
    written = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert row(written, "quick") == row(text, "quick")
    assert [path.name for path in tmp_path.iterdir()] == ["report.txt"]


def test_a_mixed_team_with_a_member_that_sees_more_is_marked():
    assert tables.marked("team(manager=oracle, worker=proactive)").endswith(" +")
    assert tables.marked("team(manager=cost_aware, worker=proactive)") == "team(manager=cost_aware, worker=proactive)"
    assert tables.marked("oracle") == "oracle +"
