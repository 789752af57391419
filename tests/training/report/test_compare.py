"""The command `compare`, from the results of a small benchmark to tables and figures."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from statistics import mean

import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from training.__main__ import main
from training.plotting import looks

ROOT = Path(__file__).parents[3]
POLICIES = ["no_communication", "cost_aware", "proactive", "random"]
FIGURES = ["aggregates.png", "improvement.png", "profiles.png"]
SCORES = ["marl_eval.json", "rliable.json"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A benchmark of two workflows a tier."""
    out = tmp_path_factory.mktemp("run")
    words = ["--policies", ",".join(POLICIES), "--workflows", "none", "--generated", "2", "--team-sizes", "5"]
    assert main(["benchmark", *words, "--workers", "1", "--figures", "none", "--out", str(out)]) == 0
    return out


@pytest.fixture
def results(run):
    return pd.read_csv(run / "results.csv")


@pytest.fixture
def compared(tmp_path, capsys):
    """Write results, compare them, and return the exit status, what was printed and the folder."""

    def compare(table, *words):
        table.to_csv(tmp_path / "results.csv", index=False)
        status = main(["compare", str(tmp_path), "--resamples", "20", *words])
        return status, capsys.readouterr(), tmp_path / "comparison"

    return compare


def row(text, policy):
    """The words of the first row of a policy."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [policy])


def pattern_rows(text, policy):
    _, _, patterns = text.partition("patterns of communication")
    return [line.split() for line in patterns.splitlines() if line.split()[:1] == [policy]]


def unrolled(text):
    return " ".join(text.split())


# --- what it gives ---------------------------------------------------------------------------------------------


def test_table_and_figures_of_a_run(compared, results):
    status, printed, folder = compared(results)
    assert (status, printed.err) == (0, "")
    assert sorted(path.name for path in folder.iterdir()) == sorted(["comparison.txt", *FIGURES, *SCORES])
    saved = (folder / "comparison.txt").read_text(encoding="utf-8")
    assert row(saved, "cost_aware") == row(printed.out, "cost_aware")
    assert "3 rows (tasks) of 2 episodes (runs)" in unrolled(saved)
    assert "another draw of workflows" in unrolled(saved)


def test_interquartile_mean_and_improvement_agree_with_the_file(compared, results, run):
    with (run / "results.csv").open(encoding="utf-8") as file:
        hours = {(line["policy"], line["workflow"]): float(line["completion_time"]) for line in csv.DictReader(file)}
    workflows = sorted({workflow for _, workflow in hours})
    tiers = sorted({workflow.partition("-")[0] for workflow in workflows})

    def of(policy, tier=""):
        times = [(hours[policy, name], hours["no_communication", name]) for name in workflows if name.startswith(tier)]
        return [100 * (1 - mine / base) for mine, base in times]

    def beaten(tier):
        mine, rival = of("cost_aware", tier), of("proactive", tier)
        return mean((x > y) + (x == y) / 2 for x in mine for y in rival)

    found = row(compared(results)[1].out, "cost_aware")
    assert len(workflows) == 6
    assert float(found[1]) == pytest.approx(mean(sorted(of("cost_aware"))[1:5]), abs=0.06)  # a quarter of 6 is cut: 1
    assert float(found[5]) == pytest.approx(mean(beaten(tier) for tier in tiers), abs=0.006)


def test_patterns_are_means_over_the_episodes_of_a_tier(compared, results):
    two = results["policy"].eq("cost_aware") & results["tier"].eq("medium")
    results.loc[two, "messages"] = [10.0, 20.0]
    results.loc[two, "completion_time"] = [4.0, 16.0]
    results.loc[two, "highest_share"] = [0.5, 0.25]  # 37.5
    results.loc[two, "manager_share"] = [0.125, 0.25]  # 18.75
    results.loc[two, "synchronous_share"] = [1.0, float("nan")]
    results.loc[two, "answered_share"] = float("nan")
    _, medium, _ = pattern_rows(compared(results)[1].out, "cost_aware")
    assert medium == ["cost_aware", "1.50", "38", "19", "100", "-"]  # 30 messages in 20 hours


def test_figures_show_all_policies_and_the_rival_is_not_compared_with_itself(compared, results):
    _, printed, folder = compared(results, "--against", "cost_aware")
    colours = {policy: look[0] for policy, look in looks(POLICIES[1:]).items()}  # axes have that of the baseline
    shown = {name: [one for one, colour in colours.items() if has_colour(folder / name, colour)] for name in FIGURES}
    assert [shown["aggregates.png"], shown["profiles.png"]] == [["cost_aware", "proactive", "random"]] * 2
    # a row of 0.24 inches for each policy but the baseline, beside one inch, at 300 dots an inch
    assert [len(imread(folder / name)) for name in FIGURES[:2]] == [516, 444]
    assert shown["improvement.png"] == ["proactive", "random"]
    assert row(printed.out, "cost_aware")[5] == "-"


def has_colour(path, colour):
    """Whether a hundred pixels have a colour."""
    return (abs(imread(path)[..., :3] - to_rgb(colour)).max(axis=-1) < 0.01).sum() > 100


def test_numbers_depend_on_the_seed_only(compared, results):
    first, again, other = (compared(results, "--seed", seed)[1].out for seed in ("3", "3", "4"))
    assert first == again
    assert row(first, "random") != row(other, "random")


def test_a_file_is_taken_as_well_as_its_folder(run, tmp_path, capsys):
    assert main(["compare", str(run / "results.csv"), "--resamples", "2", "--out", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "profiles.png").exists()


def test_figures_are_drawn_in_the_formats_that_are_asked_for(compared, results):
    endings = {"pdf,svg": {".pdf", ".svg"}, "none": set()}
    for words, wanted in endings.items():
        _, printed, folder = compared(results, "--figures", words)
        drawn = {path for path in folder.iterdir() if path.stem in ("aggregates", "profiles", "improvement")}
        assert {path.suffix for path in drawn} == wanted
        assert len(drawn) == 3 * len(wanted)
        assert all(path.name in printed.out for path in drawn)
        for path in drawn:
            path.unlink()


def test_each_split_is_compared_by_itself(compared, results):
    twice = results[results["tier"] == "simple"].assign(split="built-in", workflow="one")
    _, printed, folder = compared(pd.concat([results, twice]))
    assert "other seeds of these workflows" in unrolled(printed.out)
    assert {"profiles.png", "profiles_built-in.png"} <= {path.name for path in folder.iterdir()}


# --- nothing is left out in silence ----------------------------------------------------------------------------


def test_missing_episodes_are_named_and_all_others_count(compared, results):
    first = results["workflow"] == results["workflow"].iloc[0]
    no_partner = results[~(first & results["policy"].eq("no_communication"))]
    text = unrolled(compared(no_partner)[1].out)
    assert "count nowhere in the comparison: cost_aware 1, proactive 1, random 1." in text
    assert "3 rows (tasks) of 1 to 2 episodes (runs)" in text
    assert "nan" not in text

    fewer = results[~(first & results["policy"].eq("proactive"))]
    text = unrolled(compared(fewer)[1].out)
    assert "Not all policies have all 6 episodes (proactive 5)" in text
    assert "P over the episodes that proactive has played as well: cost_aware 5, no_communication 5, random 5." in text


def test_failed_episodes_are_named(compared, results):
    results["failed"], results["failure"] = 0, ""
    results.loc[results.index[-1], ["failed", "failure"]] = [1, "no answer"]
    status, printed, _ = compared(results)
    assert status == 1
    assert "failed for want of an answer and are left out of all means (random 1)" in unrolled(printed.out)


def test_a_single_seed_of_a_single_workflow_has_no_interval(compared, results):
    printed = compared(results[results["workflow"].isin(results.groupby("tier")["workflow"].first())])[1]
    assert "[" not in " ".join(row(printed.out, "cost_aware"))


# --- errors ----------------------------------------------------------------------------------------------------


def refused(capsys, *words):
    assert main(["compare", *map(str, words)]) == 2
    return capsys.readouterr().err


def test_a_missing_file_is_named(tmp_path, capsys):
    assert refused(capsys, tmp_path) == (
        f"error: cannot read results '{tmp_path / 'results.csv'}': No such file or directory\n"
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "is not the results.csv of a benchmark: No columns to parse from file"),
        ("policy,tier,workflow\na,b,c\n", "it has no column split, team_size, seed and 32 more"),
        ('a,b\n"1', "is not the results.csv of a benchmark"),
    ],
)
def test_another_file_is_refused(text, error, tmp_path, capsys):
    (tmp_path / "results.csv").write_text(text, encoding="utf-8")
    assert error in refused(capsys, tmp_path)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda table: table[table["policy"] != "no_communication"], "no_communication is not among its policies"),
        (lambda table: table[table["policy"] == "no_communication"], "no_communication is its only policy"),
        (lambda table: table.iloc[:0], "it has no episodes, expected one a line"),
        (lambda table: table.assign(messages="many"), "column messages has 'many', expected numbers"),
        (lambda table: table.assign(completion_time=0.0), "column completion_time has 0.0, expected hours above 0"),
        (lambda table: table.assign(tier=None, split=None), "column split has an empty value"),
        (lambda table: pd.concat([table, table.iloc[:1]]), "an episode stands there twice (no_communication, "),
    ],
)
def test_results_that_cannot_be_compared_are_refused_before_anything_is_written(change, error, compared, results):
    status, printed, folder = compared(change(results))
    assert status == 2
    assert error in printed.err
    assert not folder.exists()


def test_an_unknown_rival_is_refused(compared, results):
    status, printed, folder = compared(results, "--against", "cost_awar")
    assert status == 2
    assert "unknown policy in --against 'cost_awar'; did you mean 'cost_aware'?" in printed.err
    assert not folder.exists()


# --- the library -----------------------------------------------------------------------------------------------


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


def test_without_rliable_the_error_names_the_extra():
    done = python("import sys; sys.modules['rliable'] = None; from training.__main__ import main; main(['compare'])")
    assert done.stderr == (
        "error: compare needs rliable, which is not installed; install the extra: pip install -e '.[report]'\n"
    )


def test_the_benchmark_loads_neither_rliable_nor_what_it_stands_on():
    heavy = "{'rliable', 'arch', 'scipy', 'statsmodels', 'seaborn'}"
    done = python(
        "import sys, training.commands.benchmarks.benchmark, training.benchmark.figures.every_figure;"
        f" print({heavy} & {{*sys.modules}})"
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
