"""Strategies: whole episodes by the rule server, and what each of them puts into its prompts."""

from __future__ import annotations

import json
import re

import pytest
from prompted_team import STRATEGIES, play_small, prompted, small_batch
from rule_server import answer_by_rule, choice, choose

from agents.play import play
from agents.prompted import strategies
from agents.prompted.strategies import STRATEGIES as REGISTERED
from agents.prompted.strategies.base import PROMPT_FOLDER
from agents.prompted.strategies.tme import FORGOTTEN, Graph, Update


def test_all_strategies_are_tried_and_have_a_template_beside_them():
    assert {name.partition(":")[0] for name in STRATEGIES} == set(REGISTERED)
    for name, strategy in REGISTERED.items():
        assert strategy.description
        assert (PROMPT_FOLDER / f"{name}.md").is_file()
        assert strategy.__module__ == f"{strategies.__name__}.{name}"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_finishes_workflows(server, options, strategy):
    metrics, policy, _ = play_small(strategy, options, count=2)
    for env, row in enumerate(metrics):
        columns = policy.episode_columns(env)
        assert row["success"] == 1
        assert row["invalid_actions"] == 0
        assert columns["answers_valid"] == columns["answers"] == 3 * row["steps"]
    first = server.prompts[0]
    assert "$" not in first.replace("$rules", "!")
    assert "agent's Alignment Factor" not in first
    assert "chat (chat_tell, chat_ask): costs the sender 0.05 h and each reader 0.05 h, is read after 1 step" in first


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_prompts_of_an_agent_depend_on_its_own_row_alone(server, options, strategy):
    """The messages of others change them only through what was read."""
    if strategy == "spp":
        pytest.skip("centralised by design")
    batch = small_batch()
    together, alone = (prompted(batch, strategy, options) for _ in range(2))
    rows = batch.observations[0].shape[0]
    for policy in (together, alone):
        policy.reset(range_of(rows))
    for _ in range(4):
        observations, masks = batch.observations[0].copy(), batch.action_masks[0].copy()
        actions = together.act(observations, masks, range_of(rows))
        asked = dict(enumerate(turn.question for turn in together.turns[0]))
        for row in reversed(range(rows)):
            own = slice(row, row + 1)
            single = alone.act(observations[own], masks[own], range_of(rows)[own])
            assert alone.turns[0][0].question == asked[row]
            assert single[0].tolist() == actions[row].tolist()
        batch.step(actions[None])


def range_of(count):
    import numpy as np

    return np.arange(count)


def user_prompts(strategy, options, **kwargs):
    """What was put to the model, by step and agent: (system, user)."""
    batch = small_batch(**kwargs)
    policy = prompted(batch, strategy, options)
    steps = []
    play(batch, policy, on_step=lambda: steps.append([dict(turn.question.messages) for turn in policy.turns[0]]))
    return steps


def test_c2c_managers_and_workers_are_told_different_things(server, options):
    (manager, worker, other), *_ = user_prompts("c2c", options)
    assert "`assign`" in manager["system"]
    assert "You are a worker" not in manager["system"]
    assert "You are a worker" in worker["system"]
    assert "hub of its communication" not in worker["system"]
    assert worker["system"].replace("worker_1", "worker_2") == other["system"]
    assert "answer the oldest question first" in worker["system"]


def test_no_communication_has_no_way_to_speak(server, options):
    server.rule = lambda body: json.dumps(choose(body["messages"][-1]["content"]))
    (metrics,), policy, _ = play_small("no_communication", options)
    assert metrics["messages"] == 0
    assert policy.episode_columns(0)["answers_repaired"] > 0  # the message that it may not have is dropped


def test_fixed_steps_speaks_at_fixed_steps_only(server, options):
    server.rule = lambda body: json.dumps({"work": None, **talk(body)})
    batch = small_batch()
    policy = prompted(batch, "fixed_steps:3", options)
    spoken = []
    play(batch, policy, on_step=lambda: spoken.append(int((batch.state.action[0, :, 1] > 0).sum())))
    assert spoken[:7] == [3, 0, 0, 3, 0, 0, 3]


def talk(body):
    form = body["response_format"]["json_schema"]["name"]
    me = re.search(r"^You are (\w+)\. [\d.]+ %", body["messages"][-1]["content"], re.MULTILINE).group(1)
    to = "worker_1" if me == "manager_0" else "manager_0"
    return {} if form == "work" else choice(None, "chat_ask", to, "s0", "?")


def test_direct_assignment_by_the_manager(server, options):
    def rule(body):
        chosen = json.loads(answer_by_rule(body))
        view = body["messages"][-1]["content"]
        if "You are manager_0. 0.0 %" in view:
            return json.dumps({**chosen, **choice(None, "assign", "worker_2", "s0", "Yours.")})
        return json.dumps({**chosen, **choice()} if " 0.0 % of the time" in view else chosen)

    server.rule = rule
    batch = small_batch()
    policy = prompted(batch, "c2c", options)
    owners = []
    play(batch, policy, on_step=lambda: owners.append(int(batch.state.owner[0, 0])))
    assert owners[0] == 2


def test_react_remembers_its_thoughts_and_actions_in_order(server, options):
    first, second, third, *_ = user_prompts("react", options)
    worker = [step[1]["user"] for step in (first, second, third)]
    assert "earlier steps" not in worker[0]
    lines = [[line for line in text.splitlines() if line.startswith("- saw:")] for text in worker]
    assert [len(one) for one in lines] == [0, 1, 2]
    assert lines[2][0] == lines[1][0]
    assert "thought: I think of s0.; did: work on s0, chat_ask to manager_0 about s0" in lines[1][0]


def test_react_is_told_when_its_answer_was_invalid(server, options):
    server.fault = lambda number, body: "no_such_subtask" if number < 3 else None
    _, second, *_ = user_prompts("react", options)
    assert "your answer was invalid (thought: Field required), so you did nothing" in second[1]["user"]


# --- task memory ------------------------------------------------------------------------------------------------


def note(intent, node, value="", depends_on=()):
    return Update(intent=intent, node=node, value=value, source="worker_1", depends_on=list(depends_on))


@pytest.fixture
def graph():
    made = Graph()
    made.apply(note("new", "s0.intent", "blue"))
    made.apply(note("new", "s1.interface", "from s0", ["s0.intent"]))
    made.apply(note("new", "s2.plan", "after s1", ["s1.interface"]))
    made.apply(note("new", "s3.other", "alone"))
    return made


def revised(graph):
    return {name for name, node in graph.nodes.items() if node.revise}


def test_an_update_keeps_the_old_value_and_marks_what_follows_near_and_far(graph):
    graph.apply(note("update", "s0.intent", "red"))
    assert (graph.nodes["s0.intent"].value, graph.nodes["s0.intent"].history) == ("red", ["blue"])
    assert revised(graph) == {"s1.interface", "s2.plan"}


def test_the_same_value_again_marks_nothing(graph):
    graph.apply(note("update", "s0.intent", "blue"))
    assert revised(graph) == set()
    assert graph.nodes["s0.intent"].history == []


def test_a_check_takes_the_mark_off_one_node(graph):
    graph.apply(note("update", "s0.intent", "red"))
    graph.apply(note("check", "s1.interface"))
    assert revised(graph) == {"s2.plan"}
    graph.apply(note("check", "s9.nothing"))
    assert "s9.nothing" not in graph.nodes


def test_circles_and_unknown_nodes_do_no_harm(graph):
    graph.apply(note("update", "s0.intent", "red", ["s2.plan", "s0.intent", "s8.unknown"]))
    assert graph.nodes["s0.intent"].depends_on == ("s2.plan",)
    graph.apply(note("update", "s2.plan", "other", ["s1.interface"]))
    assert revised(graph) == {"s0.intent", "s1.interface"}
    assert graph.relevant([0]) == ["s0.intent", "s1.interface", "s2.plan"]


def test_the_relevant_part_is_what_concerns_subtasks_and_what_that_follows_from(graph):
    assert graph.relevant([2]) == ["s0.intent", "s1.interface", "s2.plan"]
    assert graph.relevant([3]) == ["s3.other"]
    assert graph.relevant([7]) == []
    graph.apply(note("update", "s1.interface", "new", ["s0.intent"]))
    assert graph.relevant([3]) == ["s0.intent", "s1.interface", "s2.plan", "s3.other"]  # one is to be revised


def test_a_requirement_change_replaces_the_value_and_marks_the_dependents(server, options):
    """Seen in the observation: one's own understanding of the intent falls."""

    def rule(body):
        memory = [
            {"intent": "new", "node": "s0.intent", "value": "blue", "source": "manager_0", "depends_on": []},
            {"intent": "new", "node": "s0.plan", "value": "paint", "source": "board", "depends_on": ["s0.intent"]},
        ]
        begun = "Your memory is empty." not in body["messages"][-1]["content"]
        return json.dumps({"memory": [] if begun else memory, **choice()})

    server.rule = rule
    steps = user_prompts("tme", options, volatility=0.3)
    worker = [step[1]["user"].partition("\n\n")[0] for step in steps]
    assert "- s0.plan = paint (from board; follows from s0.intent)" in worker[1]
    changed = next(text for text in worker if FORGOTTEN in text)
    assert f"- s0.intent = {FORGOTTEN} (from board; before: blue)" in changed
    assert "- s0.plan [revise] = paint (from board; follows from s0.intent)" in changed


# --- one model for all ------------------------------------------------------------------------------------------


def test_spp_asks_once_a_step_and_shows_every_view(server, options):
    steps = user_prompts("spp", options)
    assert all(len(step) == 1 for step in steps)
    for name in ("manager_0", "worker_1", "worker_2"):
        assert f"=== View of {name} ===\nYou are {name}. " in steps[0][0]["user"]


def test_spp_agents_without_one_action_do_nothing(server, options):
    def rule(body):
        whole = json.loads(answer_by_rule(body))
        whole["actions"] = [whole["actions"][1], whole["actions"][1], {**whole["actions"][2], "work": 0}]
        return json.dumps(whole)

    server.rule = rule
    batch = small_batch(horizon=1)
    policy = prompted(batch, "spp", options)
    play(batch, policy)
    (turn,) = policy.turns[0]
    assert [(one.label, one.how) for one in turn.decisions] == [
        ("invalid", "no one action for manager_0"),
        ("invalid", "no one action for worker_1"),
        ("repaired", "spelling of work"),
    ]
    columns = policy.episode_columns(0)
    assert (columns["answers"], columns["answers_invalid"], columns["prompt_tokens"]) == (3, 2, 100)
