"""The common plan: matchings by hand, what always holds of them, and their exact probabilities."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agents.learned.drawing import FAR_AWAY
from agents.learned.plan import Open, judge_picks, pair_logits, pick_pairs

SUREST, AS_LEARNED = torch.tensor(0.0), torch.tensor(1.0)


def everything(agents, subtasks, envs=1):
    return Open(torch.ones(envs, agents, dtype=torch.bool), torch.ones(envs, subtasks, dtype=torch.bool))


def test_the_surest_pair_comes_first_and_nobody_is_no_excuse():
    # chances of agents 0, 1 and nobody: subtask 0: .5 .3 .2; subtask 1: .6 .1 .3
    scores = torch.tensor([[[0.5, 0.6], [0.3, 0.1], [0.2, 0.3]]]).log()
    plan = pick_pairs(scores, everything(2, 2), torch.zeros(1, 2), SUREST)
    assert plan.work.tolist() == [[2, 1]]  # agent 0 is surest of subtask 1; 0 is left, and agent 1 is free
    assert plan.picks.tolist() == [[1, 2]]  # 0 * 2 + 1, then 1 * 2 + 0
    waits = torch.tensor([[[0.01], [0.99]]]).log()  # nobody is by far the likeliest
    assert pick_pairs(waits, everything(1, 1), torch.zeros(1, 1), SUREST).work.tolist() == [[1]]


def test_probability_of_a_plan_by_hand():
    scores = torch.tensor([[[0.5, 0.6], [0.3, 0.1], [0.2, 0.3]]]).log()
    log_prob, entropy = judge_picks(scores, torch.tensor([[1, 2]]), everything(2, 2))
    # first .6 of .5 + .6 + .3 + .1; then agent 1 alone is left with subtask 0, which is certain
    assert log_prob.exp().item() == pytest.approx(0.6 / 1.5)
    shares = torch.tensor([0.5, 0.6, 0.3, 0.1]) / 1.5
    assert entropy.item() == pytest.approx(-(shares * shares.log()).sum().item(), abs=1e-5)


def test_chances_are_over_those_who_are_free():
    scores = torch.tensor([[[0.5], [0.3], [0.2]]]).log()
    free = Open(torch.tensor([[False, True]]), torch.tensor([[True]]))
    assert pair_logits(scores, free).tolist() == [[FAR_AWAY, pytest.approx(torch.tensor(0.3 / 0.5).log().item())]]


def test_padding_changes_no_plan():
    torch.manual_seed(0)
    scores, luck = torch.randn(50, 4, 5), torch.rand(50, 3)
    padded = torch.full((50, 6, 8), FAR_AWAY)
    padded[:, :3, :5], padded[:, 5, :5] = scores[:, :3], scores[:, 3]
    possible = Open(torch.arange(5).expand(50, 5) < 3, torch.arange(8).expand(50, 8) < 5)
    plain = pick_pairs(scores, everything(3, 5, 50), luck, AS_LEARNED)
    wide = pick_pairs(padded, possible, torch.cat((luck, luck[:, :2]), dim=1), AS_LEARNED)
    assert wide.work[:, :3].tolist() == plain.work.tolist()
    assert not wide.work[:, 3:].any()


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 1.0]))
def test_what_holds_of_every_plan(agents, subtasks, seed, temperature):
    generator = torch.Generator().manual_seed(seed)
    scores = 3.0 * torch.randn(4, agents + 1, subtasks, generator=generator)
    possible = Open(*(torch.rand(4, n, generator=generator) < 0.7 for n in (agents, subtasks)))
    luck = torch.rand(4, agents, generator=generator)
    plan = pick_pairs(scores, possible, luck, torch.tensor(temperature))
    for env in range(4):
        work = [k for k in plan.work[env].tolist() if k]
        free, ready = possible.agents[env].sum().item(), possible.subtasks[env].sum().item()
        assert len(work) == len(set(work)) == min(free, ready)  # nothing waits while somebody is free
        assert all(possible.subtasks[env, k - 1] for k in work)
        assert not plan.work[env][~possible.agents[env]].any()
        picks = plan.picks[env].tolist()
        assert [pick for pick in picks if pick >= 0] == picks[: len(work)]
        assert all(plan.work[env, pick // subtasks] == 1 + pick % subtasks for pick in picks[: len(work)])


def test_drawn_plans_are_as_frequent_as_their_probability():
    torch.manual_seed(1)
    scores = torch.randn(1, 4, 3).expand(20_000, -1, -1)
    possible = everything(3, 3, 20_000)
    plan = pick_pairs(scores, possible, torch.rand(20_000, 3), AS_LEARNED)
    log_prob, _ = judge_picks(scores, plan.picks, possible)
    found, which, counts = plan.picks.unique(dim=0, return_inverse=True, return_counts=True)
    expected = torch.zeros(len(found)).scatter(0, which, log_prob.exp())
    assert len(found) == 9 * 4  # all orders of all matchings were drawn
    assert torch.allclose(counts / 20_000, expected, atol=0.012)
    assert expected.sum().item() == pytest.approx(1.0, abs=1e-4)


def test_log_probability_has_a_gradient_towards_what_was_picked():
    scores = torch.zeros(1, 3, 2, requires_grad=True)
    log_probs = []
    for _ in range(4):
        log_prob, _ = judge_picks(scores, torch.tensor([[1, 2]]), everything(2, 2))
        (gradient,) = torch.autograd.grad(log_prob.sum(), scores)
        scores = (scores + 0.5 * gradient).detach().requires_grad_()
        log_probs.append(log_prob.item())
    assert all(later > earlier for earlier, later in pairwise(log_probs))
