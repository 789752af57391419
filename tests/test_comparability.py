"""Whether learned, scripted and prompted teams are comparable: a test for every sentence of docs/comparability.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from prompted_team import SMALL
from rule_server import answer_by_rule

from agents.language.tasks import TextTask
from agents.language.teacher import written_action
from agents.language.text_game import TextGame
from agents.play import play
from agents.policy import PolicyContext, SeesState
from agents.registry import DESCRIPTIONS, SEES_STATE, make_policy
from c2c_env import EnvConfig
from c2c_env.make import make_batch
from c2c_env.text.answer import Choice, response_format
from c2c_env.text.names import WorkflowWords, agent_name
from c2c_env.text.observation_text import legal_choices, look, render

PAGE = (Path(__file__).parent.parent / "docs" / "comparability.md").read_text(encoding="utf-8")
TASK = TextTask("train", "simple", 4, 2)
COMPETITORS = ("proactive", "cost_aware", "broadcast", "solo", "learned", "no_communication")


def as_answer(action, words=""):
    """What a language model would write to do the same as an action."""
    return json.dumps(json.loads(written_action(np.asarray(action), TASK.team_size)) | {"text": words})


def played_in_text(name, words=""):
    """The metrics of a team whose decisions are written down and read as those of a language model are."""
    game = TextGame("all")
    game.start(TASK)
    policy = make_policy(name, PolicyContext.of(game.batch, TASK.index))
    everybody = np.arange(TASK.team_size)
    policy.reset(everybody)
    while not game.ended:
        actions = policy.act(game.batch.observations[0], game.batch.action_masks[0], everybody)
        outcomes = game.step({agent_name(i): as_answer(action, words) for i, action in enumerate(actions)})
        assert {outcome.label for outcome in outcomes.values()} == {"valid"}
    return game.metrics


def played_directly(name):
    batch = TASK.batch(EnvConfig())
    (metrics,) = play(batch, make_policy(name, PolicyContext.of(batch, TASK.index)))
    return metrics


@pytest.mark.parametrize("name", COMPETITORS)
def test_what_a_team_decides_counts_the_same_whether_it_is_given_as_numbers_or_written_as_text(name):
    assert played_in_text(name) == pytest.approx(played_directly(name), nan_ok=True)


def test_the_words_of_a_message_cost_nothing_and_change_no_number():
    assert played_in_text("proactive", "A few words.") == pytest.approx(played_in_text("proactive"), nan_ok=True)


def test_a_prompt_is_made_of_the_agents_own_observation_and_the_words_of_the_workflow_alone():
    batch = make_batch(SMALL, 3, num_envs=2)
    batch.reset([0, 0])
    batch.step(np.zeros_like(batch.action_buffer))
    changed = batch.snapshot(1)
    changed["understanding"][1:] *= 0.5  # what agent 0 does not see of the others
    changed["random_state"][2] += np.uint64(1)  # nor the luck that is to come
    batch.restore(changed, 1)
    assert not np.array_equal(batch.observations[0, 1], batch.observations[1, 1])  # the others do see it
    views = []
    for env in range(2):
        mask = legal_choices(batch.action_masks[env, 0], batch.action_sizes.tolist())
        sight = look(batch.layout, batch.observations[env, 0], mask, 3, ())
        views.append(render(sight, WorkflowWords.of(batch.workflow(env))))
    assert views[0] == views[1]


@pytest.mark.parametrize("name", COMPETITORS)
def test_a_competitor_decides_from_observations_and_masks_alone(name):
    batch = TASK.batch(EnvConfig())
    policy = make_policy(name, PolicyContext.of(batch, TASK.index))
    assert not isinstance(policy, SeesState)
    rows = np.arange(TASK.team_size)
    policy.reset(rows)
    first = policy.act(batch.observations[0].copy(), batch.action_masks[0].copy(), rows)
    batch.state.understanding[:] = 0.0  # it has no way to see this
    batch.state.key[:] = 0
    again = make_policy(name, PolicyContext.of(batch, TASK.index))
    again.reset(rows)
    np.testing.assert_array_equal(again.act(batch.observations[0], batch.action_masks[0], rows), first)


def test_policies_that_see_more_are_references_and_marked_as_such():
    batch = TASK.batch(EnvConfig())
    seeing = {name for name in DESCRIPTIONS if isinstance(make_policy(name, PolicyContext.of(batch)), SeesState)}
    assert seeing == SEES_STATE == {"oracle", "planner"}


def test_everybody_may_do_what_the_mask_allows_and_nothing_else():
    game = TextGame("worker_1")
    game.start(TASK)
    mask = game.batch.action_masks[0, 1]
    legal = legal_choices(mask, game.batch.action_sizes.tolist())
    blocked = next(k for k in range(game.batch.max_subtasks) if k not in legal.work)
    (outcome,) = game.step({"worker_1": as_answer([blocked + 1, 0, 0, 0])}).values()
    assert outcome.label == "invalid"
    assert int(game.batch.state.action[0, 1, 0]) == 0
    direct = TASK.batch(EnvConfig())
    actions = np.zeros_like(direct.action_buffer)
    actions[0, 1, 0] = blocked + 1
    direct.step(actions)
    assert int(direct.state.action[0, 1, 0]) == 0


def test_all_kinds_of_policies_play_the_same_episodes_with_the_same_luck(server, options):
    """Equal decisions lead to equal episodes, so what differs is what was decided."""
    by_server = TASK.batch(EnvConfig())
    (prompted,) = play(by_server, make_policy("prompted:direct@rule", PolicyContext.of(by_server, 2, options)))
    game = TextGame("all")
    game.start(TASK)
    while not game.ended:
        game.step({name: ruled(prompt) for name, prompt in game.prompts().items()})
    assert game.metrics == pytest.approx(prompted, nan_ok=True)
    (episode,) = game.episodes
    again = episode.batch()
    for actions in episode.actions:
        again.step(actions[None])
    assert again.metrics(0) == pytest.approx(prompted, nan_ok=True)


def ruled(prompt):
    messages = [{"role": role, "content": content} for role, content in prompt]
    return answer_by_rule({"messages": messages, "response_format": response_format(Choice)})


def test_an_answer_that_cannot_be_used_is_counted_and_does_nothing():
    game = TextGame("worker_1")
    game.start(TASK)
    (outcome,) = game.step({"worker_1": "no idea"}).values()
    assert (outcome.label, game.team.episode_columns(0)["answers_invalid"]) == ("invalid", 1.0)
    assert game.batch.state.action[0, 1].tolist() == [0] * 6


def test_every_sentence_of_the_page_has_its_test_and_every_test_its_sentence():
    claimed = set(re.findall(r"^- .*\(`(test_\w+)`\)$", PAGE, flags=re.MULTILINE))
    tests = {name for name in globals() if name.startswith("test_")} - {
        "test_every_sentence_of_the_page_has_its_test_and_every_test_its_sentence"
    }
    assert claimed == tests
