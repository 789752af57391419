"""The figures: what they draw agrees with their legends and with numbers worked out by hand."""

from __future__ import annotations

import inspect
import re
from argparse import ArgumentTypeError

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from training.__main__ import make_parser
from training.arguments import figure_formats
from training.benchmark.choose_cells import choose_cells
from training.benchmark.figures.alignment_figure import (
    SMOOTHING_HOURS,
    alignment_curve,
    alignment_interval,
    draw_alignment,
)
from training.benchmark.figures.every_figure import FIGURE_NAMES, every_figure, fastest_talkers, remove_stale
from training.benchmark.figures.message_graph_figure import draw_message_graph
from training.plotting import label_of_policy, looks


@pytest.mark.parametrize("steps", range(1, 12))
def test_a_curve_has_a_point_for_every_step_however_short_the_episodes_are(steps):
    hours, values = alignment_curve([np.full(steps, 0.5), np.full(steps, 0.7)], 0.5)
    assert hours.tolist() == [0.5 * n for n in range(1, steps + 1)]
    np.testing.assert_allclose(values, 0.6)


def test_steps_without_work_count_for_nothing_and_long_ones_are_not_smoothed():
    hours, values = alignment_curve([np.array([0.2, np.nan, 0.4])], dt=SMOOTHING_HOURS)
    assert hours.tolist() == [SMOOTHING_HOURS, 2 * SMOOTHING_HOURS, 3 * SMOOTHING_HOURS]
    np.testing.assert_array_equal(values, [0.2, np.nan, 0.4])


def test_the_interval_of_a_curve_draws_episodes_within_workflows():
    # two workflows of two episodes each: the mean of four is lowest with both low ones twice, 1/16 of all draws
    episodes = [np.array([value]) for value in (0.2, 0.4, 0.6, 0.8)]
    low, high = alignment_interval(episodes, ["one", "one", "two", "two"], SMOOTHING_HOURS, "label")
    assert low.tolist() == pytest.approx([(2 * 0.2 + 2 * 0.6) / 4])
    assert high.tolist() == pytest.approx([(2 * 0.4 + 2 * 0.8) / 4])
    assert np.isnan(alignment_interval(episodes[:1], ["one"], SMOOTHING_HOURS, "label")).all()


# --- looks -----------------------------------------------------------------------------------------------------

FAMILIES = ["learned", "oracle", "planner", "prompted:c2c@small", "solo", "random", "cost_aware", "proactive"]
MEMBERS = [
    "learned:b.onnx",
    "learned:a.onnx",
    "prompted:spp@small",
    "fixed_steps:4",
    "fixed_steps:8",
    "mine",
    "yours:2",
]


def test_no_two_policies_look_alike():
    for policies in (FAMILIES + MEMBERS, [f"learned:{n}" for n in range(39)], [f"stranger{n}" for n in range(39)]):
        assert len(set(looks(policies).values())) == len(policies)


def test_a_family_keeps_its_look_whoever_else_is_there():
    alone = {name: looks([name])[name] for name in ("learned", "oracle", "planner", "prompted:c2c@small")}
    assert len({look.colour for look in alone.values()}) == 4
    assert {name: looks(FAMILIES + MEMBERS)[name] for name in alone} == alone
    assert looks(["fixed_steps:8"])["fixed_steps:8"] == looks(["fixed_steps"])["fixed_steps"]
    assert looks(["cost_aware / off"]) == {"cost_aware / off": looks(["cost_aware"])["cost_aware"]}


# --- figures of made-up results --------------------------------------------------------------------------------

PLAYED = ["no_communication", "learned:a", "learned:b", "oracle", "mine", "yours", "prompted:c2c@m", "fixed_steps:4"]


def made_up(sizes=(5, 8)):
    """Results of one workflow: no two policies have the same time, hours of communication or share of meetings."""
    rows = [
        {
            "policy": policy, "tier": "simple", "workflow": "one", "split": "built-in", "team_size": size, "seed": seed,
            "completion_time": 20.0 + rank + seed, "communication_hours": 2.0 + rank + seed, "success": 1.0,
            "synchronous_share": (rank + 1 + seed / 2) / 10, "messages": rank, "lower_bound": 40.0 / size,
        }
        for rank, policy in enumerate(PLAYED) for size in sizes for seed in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def figures_of(results):
    return dict(every_figure(results, []))


def in_legend(figure):
    """What the legend says of each policy."""
    handles = figure.legends[0].legend_handles
    return {handle.get_label(): (to_hex(handle.get_color()), handle.get_marker()) for handle in handles}


def drawn_at(axes, height):
    """The looks of the marks at a height."""
    lines = [line for line in axes.lines if line.get_marker() != "None"]
    at_height = [line for line in lines if np.isclose(line.get_ydata(), height).any()]
    return {(to_hex(line.get_color()), line.get_marker()) for line in at_height}


@pytest.mark.parametrize(
    ("name", "height"), [("frontier", lambda rank: 20.5 + rank), ("synchronous_share", lambda rank: 10 * rank + 12.5)]
)
def test_marks_are_what_the_legend_says(name, height):
    figure = figures_of(made_up())[name]
    told = in_legend(figure)
    for rank, policy in enumerate(PLAYED):
        for axes in figure.axes:
            assert drawn_at(axes, height(rank)) == {told[label_of_policy(policy)]}, policy


def test_rows_of_completion_times_have_the_colours_of_the_other_figures():
    found = figures_of(made_up())
    told, axes = in_legend(found["frontier"]), found["completion_time"].axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(labels) == sorted(label_of_policy(policy) for policy in PLAYED[1:])
    for place, label in enumerate(labels):
        marks = drawn_at(axes, place - 0.13) | drawn_at(axes, place + 0.13)  # two team sizes, 0.26 apart
        assert {colour for colour, _ in marks} == {told[label][0]}


def test_alignment_lines_are_what_the_legend_says_and_have_intervals():
    words = ["--policies", "no_communication,fixed_steps:2,fixed_steps:4", "--workflows", "csv-import-tool"]
    cells = choose(*words, "--seeds", "2", "--team-sizes", "2")
    figure = draw_alignment(cells, looks([cell.policy for cell in cells]))
    told = in_legend(figure)
    (axes,) = figure.axes
    assert [(to_hex(line.get_color()), line.get_marker()) for line in axes.lines] == list(told.values())
    assert len(set(told.values())) == 3
    assert len(axes.collections) == 3  # bands


def test_each_team_size_has_its_own_lower_bound_in_its_row():
    # the baseline takes 20 and 21 hours; nobody is below 40 / 5 = 8 hours, or 40 / 8 = 5
    axes = figures_of(made_up())["completion_time"].axes[0]
    ticks = [segment for group in axes.collections for segment in group.get_segments()]
    assert len(ticks) == 2 * len(PLAYED[1:])
    for place in range(len(PLAYED) - 1):
        for middle, hours in ((place - 0.13, 8.0), (place + 0.13, 5.0)):
            (own,) = [tick for tick in ticks if tick[:, 1].mean() == pytest.approx(middle)]
            assert own[:, 0] == pytest.approx(100 * hours * (1 / 20 + 1 / 21) / 2)
    assert "lower bound" in in_legend(figures_of(made_up())["completion_time"])


def test_the_frontier_has_intervals_and_shows_every_mark():
    figure = figures_of(made_up((5,)))["frontier"]
    (axes,) = figure.axes
    ends = [segment for group in axes.collections for segment in group.get_segments()]
    assert any(np.allclose(end, [[2.5, 20.0], [2.5, 21.0]]) for end in ends)  # of the baseline, with seeds 0 and 1
    assert any(np.allclose(end, [[2.0, 20.5], [3.0, 20.5]]) for end in ends)


def test_panels_below_each_other_share_a_scale_that_shows_all_of_them():
    results = made_up()
    results.loc[results["team_size"] == 5, "completion_time"] *= 3
    figure = figures_of(results)["frontier"]
    assert [axes.get_ylim()[1] >= 3 * 28 for axes in figure.axes] == [True, True]


def test_messages_are_drawn_of_the_fastest_who_talk():
    results = made_up()  # who comes later is slower; no_communication says nothing
    assert fastest_talkers(results, PLAYED) == ["learned:a", "learned:b", "oracle"]
    assert fastest_talkers(results, ["no_communication", "yours", "mine"]) == ["mine", "yours"]


def test_message_graphs_are_those_of_policies_that_were_played():
    cells = choose("--policies", "no_communication,broadcast:2", "--workflows", "csv-import-tool", "--seeds", "1",
                   "--team-sizes", "1,3")  # fmt: skip
    figure = draw_message_graph(cells, ["no_communication", "broadcast:2"])
    assert [axes.get_title() for axes in figure.axes] == ["broadcast:2, simple"]
    assert draw_message_graph(cells, ["no_communication"]) is None


def choose(*words):
    return choose_cells(make_parser(["benchmark"]).parse_args(["benchmark", *words]))


@pytest.mark.parametrize(
    ("text", "formats"), [("png", ["png"]), ("pdf, png,pdf", ["pdf", "png"]), ("svg", ["svg"]), ("none", [])]
)
def test_formats_are_read(text, formats):
    assert figure_formats(text) == formats


@pytest.mark.parametrize("text", ["jpg", "", "none,png", "png,pdff"])
def test_unknown_formats_are_refused(text):
    with pytest.raises(ArgumentTypeError, match=f"is '{text}', expected png, pdf, svg, several of them with commas"):
        figure_formats(text)


def test_long_names_keep_their_beginning_and_end():
    assert label_of_policy("learned:results/train/first/best/policy.onnx") == "learned:…/first/best/policy.onnx"
    assert label_of_policy("cost_aware") == "cost aware"


def test_figures_of_an_earlier_run_are_removed_and_nothing_else(tmp_path):
    here = ["frontier.png", "frontier.pdf", "completion_time_real.svg", "completion_time_seen-sizes.png"]
    mine = ["my_photo.png", "frontier.txt", "frontier_of_mine.png", "alignment2.pdf", "real.png"]
    here += mine
    for name in here:
        (tmp_path / name).touch()
    remove_stale(tmp_path, ["frontier.png"])
    assert {path.name for path in tmp_path.iterdir()} == {"frontier.png", *mine}
    remove_stale(tmp_path / "nowhere", [])


def test_every_figure_has_a_name_that_is_known_as_stale():
    source = inspect.getsource(every_figure)
    names = re.findall(r'yield f?"([a-z_]+)', source)
    assert len(names) == 5
    assert all(name.startswith(FIGURE_NAMES) for name in names)
