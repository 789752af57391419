"""The rules that everything else calls, by values worked out by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import agents
import c2c_env
from c2c_env import Batch, EnvConfig, Team
from c2c_env.core import constants as c
from c2c_env.core.alignment import alignment_factor, gap_closed, message_share, weighted_understanding
from c2c_env.workflows.pack import gap_share
from c2c_env.workflows.pack_generated import horizon_steps

shares = st.floats(0.0, 1.0)


def test_alignment_factor_goes_from_the_floor_to_one():
    assert alignment_factor(0.01, 0.0) == 0.01
    assert alignment_factor(0.01, 1.0) == 1.0
    assert alignment_factor(0.2, 0.5) == pytest.approx(0.6)  # 0.2 + 0.8 x 0.5
    np.testing.assert_allclose(alignment_factor(0.2, np.array([0.0, 0.25])), [0.2, 0.4])


def test_understanding_is_weighted_facet_by_facet():
    weights, understanding = np.array([0.35, 0.25, 0.25, 0.15]), np.array([0.2, 0.1, 1.0, 0.4])
    assert weighted_understanding(weights, understanding) == pytest.approx(0.405)  # .07 + .025 + .25 + .06


def test_a_gap_is_closed_by_its_share_and_nobody_unlearns():
    assert gap_closed(0.45, 0.95, 0.2) == pytest.approx(0.3375)  # 0.45 x 0.75
    assert gap_closed(0.45, 0.2, 0.95) == 0.0
    np.testing.assert_allclose(gap_closed(0.5, np.array([1.0, 0.3]), np.array([0.2, 0.6])), [0.4, 0.0])


@given(tau=shares, told=shares, known=shares)
def test_whoever_is_told_stays_between_what_it_knew_and_what_it_was_told(tau, told, known):
    after = known + gap_closed(tau, told, known)
    assert known <= after <= max(told, known) + 1e-12


def test_an_answer_closes_more_than_a_message_that_nobody_asked_for():
    batch = Batch("csv-import-tool", Team.default(3), EnvConfig())
    kappa = batch.pool[0].subtasks[2].complexity
    unasked, answer = (message_share(batch.params, 0, 2, c.EMAIL, answers) for answers in (False, True))
    assert unasked == pytest.approx(0.6**kappa, abs=1e-11)
    assert answer == pytest.approx(0.6 ** (0.5 * kappa), abs=1e-11)
    assert gap_share(0.6, kappa, 0.5) == pytest.approx(answer, abs=1e-11)


@pytest.mark.parametrize(
    ("bound", "factor", "dt", "steps"),
    [
        (10.0, 5.0, 0.5, 100),
        (10.01, 5.0, 0.5, 101),
        (4.7, 5.0, 0.5, 47),
        (0.3, 1.0, 0.1, 3),  # 0.3 / 0.1 is 2.9999999999999996 in binary, and 0.1 x 3 is above 0.3
        (0.7, 1.0, 0.1, 7),  # 6.999999999999999
        (2.1, 1.0, 0.7, 3),  # 3.0000000000000004 must not become 4
        (1e30, 5.0, 0.5, 10**9),
    ],
)
def test_horizon_is_rounded_up_but_not_by_rounding_errors(bound, factor, dt, steps):
    assert horizon_steps(bound, 1, factor, dt) == steps
    assert horizon_steps(1e-6, steps, 1.0, dt) == steps


# what a rule looks like where it is written out, and the only files in which it may be
HOMES = {
    r"alignment_floor \+": set(),
    r"max(?:imum)?\(0\.0, [^)]*(?:facets|understanding)\[[^)]*- ": set(),
    r"richness *\*\*|\.richness\*\*": {"c2c_env/workflows/pack.py", "c2c_env/config.py"},
    r"horizon_factor \*": {"c2c_env/workflows/pack_generated.py", "c2c_env/config.py"},
}


@pytest.mark.parametrize("pattern", HOMES)
def test_a_rule_is_written_out_in_its_home_only(pattern):
    root = Path(c2c_env.__file__).parent.parent
    files = [path for home in (c2c_env, agents) for path in Path(home.__file__).parent.rglob("*.py")]
    found = {str(path.relative_to(root)) for path in files if re.search(pattern, path.read_text(encoding="utf-8"))}
    assert found <= HOMES[pattern]


def test_rules_written_out_again_would_be_found():
    again = {
        r"alignment_floor \+": "af = p.alignment_floor + span * u",
        r"max(?:imum)?\(0\.0, [^)]*(?:facets|understanding)\[[^)]*- ": "x = max(0.0, s.mail_facets[b, f] - known)",
        r"richness *\*\*|\.richness\*\*": "tau = rule.richness ** kappa",
        r"horizon_factor \*": "steps = config.horizon_factor * bound / dt",
    }
    assert set(again) == set(HOMES)
    for pattern, line in again.items():
        assert re.search(pattern, line)
