"""The curve of the Alignment Factor over time, which the figures draw, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.benchmark.figures.alignment_figure import SMOOTHING_HOURS, alignment_curve


@pytest.mark.parametrize("steps", range(1, 12))
def test_a_curve_has_a_point_for_every_step_however_short_the_episodes_are(steps):
    hours, values = alignment_curve([np.full(steps, 0.5), np.full(steps, 0.7)], 0.5)
    assert hours.tolist() == [0.5 * n for n in range(1, steps + 1)]
    np.testing.assert_allclose(values, 0.6)


def test_steps_without_work_count_for_nothing_and_long_ones_are_not_smoothed():
    hours, values = alignment_curve([np.array([0.2, np.nan, 0.4])], dt=SMOOTHING_HOURS)
    assert hours.tolist() == [SMOOTHING_HOURS, 2 * SMOOTHING_HOURS, 3 * SMOOTHING_HOURS]
    np.testing.assert_array_equal(values, [0.2, np.nan, 0.4])
