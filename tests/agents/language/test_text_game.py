"""A game in text is the game of prompted teams: the same prompts, the same reading of answers, the same steps."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rule_server import answer_by_rule

from agents.language.tasks import TextTask
from agents.language.text_game import TextGame
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import EnvConfig
from c2c_env.episodes.history import simulate
from c2c_env.errors import ConfigError, ResetNeededError
from c2c_env.text.answer import Choice, response_format

TASK = TextTask("train", "simple", 3, 0)
NOTHING = json.dumps({"work": None})


def finished(game, answer):
    """Play a game to its end; what became of all answers."""
    outcomes = []
    while not game.ended:
        outcomes.append(game.step({name: answer(prompt) for name, prompt in game.prompts().items()}))
    return outcomes


def ruled(prompt):
    """What the rule server answers to a prompt."""
    messages = [{"role": role, "content": content} for role, content in prompt]
    return answer_by_rule({"messages": messages, "response_format": response_format(Choice)})


def test_a_team_in_text_plays_what_a_prompted_team_plays(server, options):
    game = TextGame("all")
    game.start(TASK)
    outcomes = finished(game, ruled)
    batch = TASK.batch(EnvConfig())
    policy = make_policy("prompted:direct@rule", PolicyContext.of(batch, 0, options))
    (metrics,) = play(batch, policy)
    assert game.metrics == pytest.approx(metrics, nan_ok=True)
    assert metrics["messages"] > 0
    assert len(outcomes) == metrics["steps"]


def test_rewards_are_those_of_the_environment_and_the_episode_is_recorded():
    game = TextGame(("worker_1", "manager_0"), partners="proactive")
    game.start(TASK)
    outcomes = finished(game, ruled)
    (episode,) = game.episodes
    assert episode.policies == ("text", "text", "proactive")
    history = simulate(episode)
    rewards = history.trace.reward_terms.sum(axis=2)
    assert [one["worker_1"].reward for one in outcomes] == pytest.approx(rewards[:, 1].tolist(), abs=1e-6)
    assert {text.agents for text in episode.texts} == {(0,), (1,)}


def test_partners_follow_their_policy():
    game = TextGame("worker_1", partners="cost_aware")
    game.start(TASK)
    policy_alone = make_policy("cost_aware", PolicyContext.of(TASK.batch(EnvConfig()), 0))
    batch = TASK.batch(EnvConfig())
    policy_alone.reset(np.arange(3))
    wanted = policy_alone.act(batch.observations[0], batch.action_masks[0], np.arange(3))
    game.step({"worker_1": NOTHING})
    np.testing.assert_array_equal(game.batch.action_buffer[0][[0, 2]], wanted[[0, 2]])
    assert game.batch.action_buffer[0][1].tolist() == [0, 0, 0, 0]


def test_what_became_of_an_answer_is_told():
    game = TextGame("all")
    game.start(TASK)
    outcomes = game.step({"manager_0": "I wait.", "worker_1": f"Well: {NOTHING}", "worker_2": NOTHING})
    assert [outcome.label for outcome in outcomes.values()] == ["invalid", "repaired", "valid"]
    assert outcomes["manager_0"].how == "no JSON object in the answer"
    assert outcomes["worker_1"].how == "prose around the JSON taken off"


def test_words_arrive_at_other_seats():
    game = TextGame("all")
    game.start(TASK)
    words = "The loader wants UTF-8."
    tell = {"work": None, "speech": "chat_tell", "recipient": "worker_1", "topic": "s0", "text": words}
    game.step({"manager_0": json.dumps(tell), "worker_1": NOTHING, "worker_2": NOTHING})
    game.step(dict.fromkeys(game.prompts(), NOTHING))
    prompts = game.prompts()
    assert words in prompts["worker_1"][1][1]
    assert words not in prompts["worker_2"][1][1]


def test_the_same_task_gives_the_same_prompts_and_another_one_others():
    game, again = TextGame("all"), TextGame("all")
    for one in (game, again):
        one.start(TASK)
    assert game.prompts() == again.prompts()
    assert game.prompts() == game.prompts()  # asking changes nothing
    again.start(TextTask("train", "simple", 3, 1))
    assert game.prompts() != again.prompts()


def test_a_game_begins_anew_with_another_team_size():
    game = TextGame(("worker_1", "worker_4"))
    game.start(TASK)
    assert game.seats == ("worker_1",)
    game.start(TextTask("train", "simple", 5, 0))
    assert set(game.prompts()) == {"worker_1", "worker_4"}


def test_an_answer_follows_the_schema():
    game = TextGame("worker_1")
    game.start(TASK)
    assert set(game.schema()["required"]) == {"work", "speech", "recipient", "topic", "text"}


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"seats": "worker_9"}, "unknown seat 'worker_9'"),
        ({"seats": ()}, "got no seats"),
        ({"partners": "proactiv"}, "did you mean 'proactive'"),
        ({"seats": "all", "partners": "proactiv"}, "did you mean 'proactive'"),
        ({"strategy": "drect"}, "did you mean 'direct'"),
        ({"strategy": "spp"}, "asks one question for all, expected one for each agent"),
        ({"reward": "taem"}, "unknown reward 'taem'; did you mean 'team'"),
    ],
)
def test_wrong_settings_are_explained(keywords, error):
    with pytest.raises(ConfigError, match=error):
        TextGame(**keywords).start(TASK)


def test_wrong_answers_are_all_named_and_nothing_moves():
    game = TextGame(("worker_1", "worker_2"))
    with pytest.raises(ResetNeededError, match="call start"):
        game.prompts()
    game.start(TASK)
    with pytest.raises(ConfigError, match=r"(?s)no answer of worker_1.*unknown seat 'worker_3'.*of type int"):
        game.step({"worker_2": 3, "worker_3": NOTHING})
    assert int(game.batch.state.t[0]) == 0
    finished(game, lambda prompt: NOTHING)
    with pytest.raises(ResetNeededError, match="it is over"):
        game.step({"worker_1": NOTHING, "worker_2": NOTHING})


def test_it_is_played_inside_a_running_loop():
    import asyncio

    async def inside():
        game = TextGame("worker_1")
        game.start(TASK)
        return game.step({"worker_1": NOTHING})

    assert asyncio.run(inside())["worker_1"].label == "valid"
