import numpy as np
import pytest

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import DESCRIPTIONS, POLICIES, SEES_STATE, make_policy
from agents.scripted.agent_view import read_agent_view
from agents.scripted.schedule import schedule
from c2c_env import TEST_SEEDS, Batch, EnvConfig, Subtask, Team, Workflow, generate
from c2c_env.core.constants import CHAT_ASK, CHAT_TELL, EMAIL_ASK, EMAIL_TELL, MEET, RECIPIENT, SPEECH, TOPIC, WORK
from c2c_env.errors import ConfigError
from c2c_env.metrics import message_shares


def fresh_batch(tier="simple", size=5, count=4, **fields):
    workflows = [generate(tier, seed) for seed in TEST_SEEDS[:count]]
    batch = Batch(workflows, Team.default(size), EnvConfig(**fields), count)
    batch.reset(range(count), workflows=range(count))
    return batch


def play_all(name, **kwargs):
    return played(name, **kwargs)[0]


def played(name, **kwargs):
    """Metrics of every episode, and the share [N] of each agent in the message ends, averaged over episodes."""
    batch = fresh_batch(**kwargs)
    metrics = play(batch, make_policy(name, PolicyContext.of(batch)))
    return metrics, np.mean([message_shares(batch.params, batch.state, b) for b in range(batch.num_envs)], axis=0)


def mean(metrics, name):
    return float(np.mean([row[name] for row in metrics]))


def acted(batch, policy):
    """Actions [B, N, parts] of the first step."""
    rows = np.arange(batch.num_envs * batch.num_agents)
    policy.reset(rows)
    observations = batch.observations.reshape(len(rows), -1)
    actions = policy.act(observations, batch.action_masks.reshape(len(rows), -1), rows)
    return actions.reshape(batch.num_envs, batch.num_agents, -1)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_policy_plays_legally_with_a_description(name):
    assert DESCRIPTIONS[name]
    for metrics in play_all(name, count=2, size=4):
        assert metrics["invalid_actions"] == 0
        assert metrics["steps"] > 0


@pytest.mark.parametrize("name", [name for name in sorted(POLICIES) if name not in ("random", "solo")])
def test_every_working_team_beats_random(name):
    assert mean(play_all(name), "score") > mean(play_all("random"), "score")


@pytest.mark.parametrize("name", sorted(set(POLICIES) - {"random"}))  # its draws depend on the sizes of the masks
@pytest.mark.parametrize("fields", [{"relations": "index"}, {"max_agents": 7, "max_subtasks": 11}, {"vocab_size": 3}])
def test_format_of_observations_and_actions_does_not_matter_to_rules(name, fields):
    plain, other = play_all(name, count=2), play_all(name, count=2, **fields)
    for a, b in zip(plain, other, strict=True):
        assert a == pytest.approx(b, nan_ok=True)


@pytest.mark.parametrize("name", sorted(set(POLICIES) - SEES_STATE))
def test_decentralised_an_agent_decides_from_its_own_row_alone(name):
    batch = fresh_batch(tier="medium", count=3)
    together, alone = (make_policy(name, PolicyContext.of(batch)) for _ in range(2))
    rows = np.arange(15)
    for _ in range(12):
        observations = batch.observations.reshape(15, -1).copy()
        masks = batch.action_masks.reshape(15, -1).copy()
        actions = together.act(observations, masks, rows)
        single = [alone.act(observations[r : r + 1], masks[r : r + 1], rows[r : r + 1]) for r in rows[::-1]]
        np.testing.assert_array_equal(actions, np.concatenate(single[::-1]))
        batch.step(actions.reshape(3, 5, -1))


def test_schedule_takes_the_critical_path_first_and_the_best_free_skill():
    # a -> c makes a more urgent than b (2 + 4 > 5 hours); both are backend, where worker_1 is best and then all tie at
    # 0.4 or 0.7: worker_4 has backend as its second domain
    subtasks = [
        Subtask("b", "backend", 5.0, 1.0),
        Subtask("a", "backend", 2.0, 1.0),
        Subtask("c", "backend", 4.0, 1.0, ("a",)),
    ]
    batch = Batch(Workflow("w", "simple", subtasks), Team.default(5), EnvConfig())
    batch.reset([0])
    context = PolicyContext.of(batch)
    plan = schedule(read_agent_view(batch.observations[0], context))
    assert plan.tolist() == [[-1, 1, -1, -1, 0]] * 5


def test_schedule_keeps_an_owner_at_its_subtask():
    batch = Batch(Workflow("w", "simple", [Subtask("a", "backend", 5.0, 1.0)]), Team.default(3), EnvConfig())
    batch.reset([0])
    batch.step(np.array([[[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]]))  # worker_2, not the best, begins
    plan = schedule(read_agent_view(batch.observations[0], PolicyContext.of(batch)))
    assert plan.tolist() == [[-1, -1, 0]] * 3


def test_oldest_request_is_answered_first_by_the_channel_it_came_through():
    subtasks = [Subtask("a", "backend", 4.0, 1.0), Subtask("b", "frontend", 4.0, 1.0)]
    batch = Batch(Workflow("w", "simple", subtasks), Team.default(3), EnvConfig())
    batch.reset([0])
    policy = make_policy("cost_aware", PolicyContext.of(batch))
    silent = [0, 0, 1, 0]
    batch.step(np.array([[silent, [0, EMAIL_ASK, 0, 1], silent]]))  # read at step 3
    batch.step(np.array([[silent, silent, silent]]))
    batch.step(np.array([[silent, silent, [0, CHAT_ASK, 0, 0]]]))  # read at step 4
    batch.step(np.array([[silent, silent, silent]]))
    first = acted(batch, policy)[0, 0]
    assert first[[SPEECH, RECIPIENT, TOPIC]].tolist() == [EMAIL_TELL, 1, 1]
    batch.step(np.array([[first, silent, silent]]))  # under way for two steps, and not sent again meanwhile
    second = acted(batch, policy)[0, 0]
    assert second[[SPEECH, RECIPIENT, TOPIC]].tolist() == [CHAT_TELL, 2, 0]
    batch.step(np.array([[second, silent, silent]]))
    assert acted(batch, policy)[0, 0, SPEECH] == 0


def test_cost_aware_asks_the_manager_for_the_intent_of_a_large_simple_subtask():
    # for worker_1 at the start AF = .01 + .99 (.35*.2 + .25*1 + 0)/.75; only the manager's intent (.95) is worth asking
    # for, and nothing is when an hour of work is left
    for effort, speaks in ((6.0, True), (0.25, False)):
        batch = Batch(Workflow("w", "simple", [Subtask("a", "backend", effort, 0.75)]), Team.default(3), EnvConfig())
        batch.reset([0])
        action = acted(batch, make_policy("cost_aware", PolicyContext.of(batch)))[0, 1]
        assert action[WORK] == 1
        assert (action[SPEECH] in (CHAT_ASK, EMAIL_ASK, MEET)) is speaks
        assert not speaks or action[RECIPIENT] == 0


def test_nobody_is_asked_twice_at_once():
    batch = Batch(Workflow("w", "simple", [Subtask("a", "backend", 6.0, 0.75)]), Team.default(3), EnvConfig())
    batch.reset([0])
    policy = make_policy("cost_aware", PolicyContext.of(batch))
    first = acted(batch, policy)
    assert first[0, 1, [SPEECH, RECIPIENT]].tolist() == [EMAIL_ASK, 0]
    batch.step(first)
    for _ in range(3):  # under way, then open: nobody answers
        again = acted(batch, policy)
        assert not (again[0, 1, SPEECH] in (CHAT_ASK, EMAIL_ASK, MEET) and again[0, 1, RECIPIENT] == 0)
        again[0, 0] = 0
        batch.step(again)


def test_proactive_never_tells_the_same_twice():
    batch = fresh_batch(tier="medium", count=6)
    context = PolicyContext.of(batch)
    policy = make_policy("proactive", context)
    handed_over = []

    class Spy:
        def reset(self, rows):
            policy.reset(rows)

        def act(self, observations, action_masks, rows):
            actions, asks_me = (
                policy.act(observations, action_masks, rows),
                read_agent_view(observations, context).asks_me,
            )
            for row, action, asks in zip(rows, actions, asks_me, strict=True):
                if action[SPEECH] in (CHAT_TELL, EMAIL_TELL) and not asks[action[TOPIC], action[RECIPIENT]]:
                    handed_over.append((row, *action[[RECIPIENT, TOPIC]].tolist()))
            return actions

    play(batch, Spy())
    assert len(handed_over) > 10
    assert len(set(handed_over)) == len(handed_over)


def test_random_draws_every_legal_choice():
    batch = fresh_batch(count=1)
    context = PolicyContext(batch.layout, batch.config, 5, 5 * 400, seed=3)
    rows = np.arange(2000)
    masks = np.tile(batch.action_masks[0], (400, 1))
    actions = make_policy("random", context).act(np.zeros((2000, 1)), masks, rows)
    manager = actions[::5]
    assert set(manager[:, SPEECH].tolist()) == set(range(7))
    assert set(manager[:, RECIPIENT].tolist()) == {1, 2, 3, 4, 5}
    assert max(np.bincount(manager[:, SPEECH]) / 400) < 0.22


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cost_awar", "did you mean 'cost_aware'"),
        ("solo:2", "takes no argument"),
        ("fixed_steps:0", "integer >= 1"),
        ("broadcast:often", "'often'"),
    ],
)
def test_bad_policy_names_say_what_is_wrong(name, message):
    with pytest.raises(ConfigError, match=message):
        make_policy(name, PolicyContext.of(fresh_batch(count=1)))


def test_random_plays_the_catalogue_legally():
    assert all(row["invalid_actions"] == 0 for row in play_all("random", count=2, action_format="discrete"))


def test_scripted_teams_refuse_the_catalogue():
    with pytest.raises(ConfigError, match="multi_discrete"):
        make_policy("cost_aware", PolicyContext.of(fresh_batch(count=1, action_format="discrete")))


@pytest.mark.slow
def test_communication_shows_the_effects_of_the_paper():
    """64 generated test workflows a row, every policy seeing only its own observation."""
    gains, ratios, synchronous = [], [], {}
    for tier, size in (("simple", 5), ("medium", 5), ("medium", 8), ("complex", 8), ("complex", 17)):
        rows = {
            name: play_all(name, tier=tier, size=size, count=64)
            for name in ("no_communication", "fixed_steps", "unconstrained", "cost_aware")
        }
        hours = {name: np.array([m["completion_time"] for m in metrics]) for name, metrics in rows.items()}
        gain = {name: np.mean(1 - hours[name] / hours["no_communication"]) for name in rows}
        aware, shares = played("cost_aware", tier=tier, size=size, count=64)
        assert shares.argmax() == 0  # the manager is the hub
        assert gain["cost_aware"] > 0.30
        assert 0 < gain["fixed_steps"] < gain["cost_aware"]
        assert mean(aware, "success") == 1
        assert mean(aware, "manager_share") > 1.3 / size
        assert mean(aware, "mean_alignment") > 0.68 > 0.5 > mean(rows["no_communication"], "mean_alignment")
        gains.append(gain["cost_aware"])
        ratios.append(mean(aware, "efficiency") / mean(rows["unconstrained"], "efficiency"))
        synchronous.setdefault(tier, []).append(np.nanmean([m["synchronous_share"] for m in aware]))
    assert np.mean(gains) > 0.36
    assert np.mean(ratios) > 1.40
    assert np.mean(synchronous["simple"]) < np.mean(synchronous["medium"]) < np.mean(synchronous["complex"])
