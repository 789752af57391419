"""The second learner: its policy's probabilities are right, it remembers as a learned team does, and it goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console
from sb3_contrib import MaskablePPO
from stable_baselines3.common.utils import FloatSchedule

from agents.learned.actions import join_parts
from agents.learned.features import NUM_SPOKEN, Reader
from agents.learned.memory import Memory
from agents.learned.plan import Open, pair_logits
from c2c_env import Subtask, Workflow
from c2c_env.adapters.sb3 import AgentVecEnv
from c2c_env.errors import ConfigError
from training.learning.learners.entity_policy import EntityPolicy
from training.learning.learners.maskable_ppo import RememberingVecEnv
from training.learning.recipe import GroupConfig, load_recipe
from training.learning.run import Training

SMALL = Workflow(
    "small",
    "simple",
    (Subtask("a", "backend", 1.0, 1.0), Subtask("b", "data", 1.5, 1.2), Subtask("c", "quality", 1.0, 1.0, ("a",))),
)
SIZES = {"hidden": 8, "own": 8, "key": 8}


def make(copies=2, **fields):
    return AgentVecEnv(copies, **{"workflow": SMALL, "team_size": 3, "relations": "index", **fields})


def make_policy(venv, seed=0):
    torch.manual_seed(seed)
    batch = venv.unwrapped.batch if isinstance(venv, RememberingVecEnv) else venv.batch
    rate = FloatSchedule(1e-3)
    policy = EntityPolicy(venv.observation_space, venv.action_space, rate, layout=batch.layout, network=SIZES)
    with torch.no_grad():  # so that it speaks
        policy.actor.silence.bias.zero_()
    return policy


def every_action(num_agents, num_subtasks):
    """All works with all messages, int [X, 4]."""
    messages = torch.arange(1 + (num_agents + 1) * num_subtasks * NUM_SPOKEN)
    works = torch.arange(1 + num_subtasks)
    work, message = (part.flatten() for part in torch.meshgrid(works, messages, indexing="ij"))
    return join_parts(work, message, num_subtasks)


def test_probabilities_of_all_actions_add_up_to_one_and_the_illegal_ones_have_none():
    venv = make()
    venv.seed(1)
    seen = venv.reset()
    policy = make_policy(venv)
    for step in range(4):
        masks = venv.action_masks()
        actions = every_action(3, 3)
        for row in (0, 4):
            observations = torch.as_tensor(seen[row]).expand(len(actions), -1)
            mask = np.repeat(masks[row : row + 1], len(actions), axis=0)
            _, log_probs, _ = policy.evaluate_actions(observations, actions, mask)
            chances = log_probs.exp().detach()
            assert float(chances.sum()) == pytest.approx(1.0, abs=1e-4), (step, row)
            legal = torch.ones(len(actions), dtype=torch.bool)
            for part, (start, size) in enumerate(zip((0, 4, 11, 15), (4, 7, 4, 3), strict=True)):
                allowed = torch.as_tensor(masks[row][start : start + size] > 0)
                spoken = actions[:, 1] > 0
                legal &= allowed[actions[:, part].long()] | (~spoken if part > 1 else False)
            assert float(chances[~legal].sum()) < 1e-6
        seen, *_ = venv.step(policy(torch.as_tensor(seen), action_masks=masks)[0].numpy())


def test_drawn_actions_have_the_probability_that_they_are_judged_by():
    venv = make()
    venv.seed(2)
    seen, masks = torch.as_tensor(venv.reset()), venv.action_masks()
    policy = make_policy(venv)
    for _ in range(5):
        actions, values, log_prob = policy(seen, action_masks=masks)
        again, judged, entropy = policy.evaluate_actions(seen, actions, masks)
        assert torch.allclose(values, again)
        assert torch.allclose(values, policy.predict_values(seen))
        assert torch.allclose(log_prob, judged)
        assert (entropy > 0).all()


def test_drawn_work_has_the_frequency_of_its_probability():
    venv = make(1)
    venv.seed(3)
    seen, masks = torch.as_tensor(venv.reset()), venv.action_masks()
    policy = make_policy(venv)
    row, times = 1, 4000
    drawn, _, _ = policy(seen[row].expand(times, -1), action_masks=np.repeat(masks[row : row + 1], times, axis=0))
    share = torch.bincount(drawn[:, 0], minlength=4) / times
    assert torch.allclose(share, chances_of_all(policy, seen, masks, row).sum(dim=1), atol=0.04)


def chances_of_all(policy, seen, masks, row):
    """Probabilities [1 + K, messages] of every action of a row."""
    actions = every_action(3, 3)
    mask = np.repeat(masks[row : row + 1], len(actions), axis=0)
    found = policy.evaluate_actions(seen[row].expand(len(actions), -1), actions, mask)[1].exp().detach()
    return found.unflatten(0, (4, -1))


def test_one_idles_as_far_as_all_subtasks_choose_others_and_speaks_by_what_one_works_on():
    venv = make(1)
    venv.seed(3)
    seen, masks = torch.as_tensor(venv.reset()), venv.action_masks()
    policy = make_policy(venv)
    with torch.no_grad():
        policy.actor.nobody.bias += 1.0
        sight = policy._see(seen)
        legal = torch.as_tensor(masks[:, 1:4] > 0)
        pairs = pair_logits(sight.scores, Open(sight.board.is_agent, legal)).unflatten(1, (3, 3)).exp()
    chances = chances_of_all(policy, seen, masks, 1)
    mine = pairs[1, 1]
    idle = float((1 - mine).prod())
    expected = torch.cat((torch.tensor([idle]), mine)) / (idle + float(mine.sum()))
    assert torch.allclose(chances.sum(dim=1), expected, atol=1e-4)
    words = chances / chances.sum(dim=1, keepdim=True)
    assert not torch.allclose(words[0], words[1], atol=1e-6)


def test_illegal_actions_are_never_taken_and_the_likeliest_work_is_found():
    venv = make(4, workflow="csv-import-tool")
    venv.seed(4)
    seen = venv.reset()
    policy = make_policy(venv)
    for step in range(60):
        actions, _ = policy.predict(seen, action_masks=venv.action_masks(), deterministic=bool(step % 2))
        seen, _, _, infos = venv.step(actions)
        assert not any(info["invalid_action"] for info in infos)


def test_without_masks_it_says_so():
    venv = make()
    policy = make_policy(venv)
    with pytest.raises(ConfigError, match="needs action_masks"):
        policy(torch.as_tensor(venv.reset()))


@pytest.mark.parametrize("fields", [{"action_format": "discrete"}, {"mask_in_observation": True}, {"vocab_size": 2}])
def test_other_forms_are_refused(fields):
    venv = make(**fields)
    with pytest.raises(ConfigError, match="expected observations of"):
        EntityPolicy(venv.observation_space, venv.action_space, FloatSchedule(1e-3), layout=venv.batch.layout)


def test_a_model_of_the_library_can_be_saved_and_loaded(tmp_path):
    venv = make(2)
    kwargs = {"layout": venv.batch.layout, "network": SIZES}
    model = MaskablePPO(EntityPolicy, venv, n_steps=4, batch_size=12, policy_kwargs=kwargs, seed=0).learn(48)
    model.save(tmp_path / "model.zip")
    again = MaskablePPO.load(tmp_path / "model.zip")
    seen = venv.reset()
    asked = {"action_masks": venv.action_masks(), "deterministic": True}
    assert np.array_equal(model.predict(seen, **asked)[0], again.predict(seen, **asked)[0])
    weights = zip(model.policy.parameters(), again.policy.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)


def test_it_remembers_what_a_learned_team_does_also_at_the_end():
    plain, venv = make(2, horizon=6), RememberingVecEnv(make(2, horizon=6))
    reader = Reader(plain.batch.layout)
    memory = Memory(reader, plain.batch.config, 2, 3)
    policy, where = make_policy(venv), (np.arange(2), np.broadcast_to(np.arange(3), (2, 3)))
    plain.seed(5)
    venv.seed(5)
    seen, expected = venv.reset(), plain.reset()
    told_once = False
    for _ in range(14):
        board = expected[::3, : reader.split]
        memory.see(board)
        told, pace, *_ = memory.remembered()
        told_once |= bool(told.any())
        assert np.array_equal(seen[:, : plain.batch.layout.size], expected)
        tail = seen[:, plain.batch.layout.size :].reshape(2, 3, 2, 3, 3)
        assert np.array_equal(tail[:, :, 0], told)
        assert np.array_equal(tail[:, 2, 1], pace)
        actions, _ = policy.predict(seen, action_masks=venv.action_masks())
        memory.say(actions.reshape(2, 3, 4), board, *where)
        seen, _, dones, infos = venv.step(actions)
        expected, _, _, others = plain.step(actions)
        if dones[0]:
            last = infos[1]["terminal_observation"]
            size = plain.batch.layout.size
            assert np.array_equal(last[:size], others[1]["terminal_observation"])
            assert np.array_equal(last[size : size + 9].reshape(3, 3), told_at_the_end(memory, others, reader))
            memory.forget(slice(None))
    assert told_once


def told_at_the_end(memory, infos, reader):
    """What agent 1 of the first copy has told when the episode is over: [A, K]."""
    memory.see(np.stack([infos[0]["terminal_observation"], infos[3]["terminal_observation"]])[:, : reader.split])
    return memory.remembered().told[0, 1]


RECIPE = replace(
    load_recipe("scratch_maskable_ppo"),
    ppo_chunk=2,
    curve_workflows=0,
    network=replace(load_recipe("scratch_maskable_ppo").network, **SIZES),
    ppo=replace(load_recipe("scratch_maskable_ppo").ppo, updates=4, steps=8),
    ppo_groups=(GroupConfig(num_envs=8),),
)


def test_a_run_learns_and_goes_on_to_the_same_weights(tmp_path):
    console = Console(quiet=True)
    straight = Training(RECIPE, tmp_path, torch.device("cpu"))
    start = {name: value.clone() for name, value in straight.actor.state_dict().items()}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    straight.folder = tmp_path / "a"
    for _ in straight.chunks(console):
        pass
    first = Training(RECIPE, tmp_path / "b", torch.device("cpu"))
    next(first.chunks(console))
    second = Training(RECIPE, tmp_path / "b", torch.device("cpu"))
    second.begin(True, console)
    for _ in second.chunks(console):
        pass
    weights = straight.actor.state_dict()
    assert any(not torch.equal(weights[name], start[name]) for name in weights)
    assert all(torch.equal(value, second.actor.state_dict()[name]) for name, value in weights.items())
    assert [row["update"] for row in second.logged] == [2, 4]
    assert {"entropy", "kl", "explained_variance", "messages", "env_steps"} <= set(second.logged[-1])


def test_what_the_library_cannot_do_is_refused_at_once(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(
        'base = "scratch_maskable_ppo"\nlast_reward_weights = [1, 1, 1, 1]\n[network]\nvocab_size = 4\n'
        'schedule = true\n[ppo]\ncritic = "central"\nnormalise = "step"\n'
        "[ppo.credit]\nforecast = 1.0\n[[ppo_groups]]\nteam_size = 5\n[[ppo_groups]]\nteam_size = 8\n"
    )
    with pytest.raises(ConfigError) as error:
        load_recipe(str(path))
    wrong = ("ppo.critic is 'central'", "ppo.normalise is 'step'", "ppo.credit is", "2 groups", "symbols", "schedule")
    for part in (*wrong, "last_reward_weights are given"):
        assert part in str(error.value)
