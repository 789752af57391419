"""Strategies: whole episodes by the rule server, and what each of them puts into its prompts."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from typing import get_args, get_origin

import numpy as np
import pytest
from prompted_team import STRATEGIES, play_small, prompted, small_batch
from pydantic import BaseModel
from rule_server import answer_by_rule, choice, choose, form_of

from agents.play import play
from agents.prompted import strategies
from agents.prompted.decompose import PlannedWorkflow
from agents.prompted.judge import Score
from agents.prompted.mail import KEPT_STEPS, MOST_LETTERS
from agents.prompted.strategies import STRATEGIES as REGISTERED
from agents.prompted.strategies.base import PROMPT_FOLDER, rules
from agents.prompted.strategies.c2c import weighed_message
from agents.prompted.strategies.fixed_steps import MustSpeak
from agents.prompted.strategies.react import REMEMBERED
from agents.prompted.strategies.spp import Performance
from agents.prompted.strategies.tme import FORGOTTEN, MOST_NODES, MOST_SHOWN, MOST_UPDATES, Graph, Update
from c2c_env import Channel, EnvConfig, Subtask, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.text import LegalChoices, WorkflowWords, legal_choices, look
from c2c_env.text.answer import Work, decide, json_schema, read_json, validate
from c2c_env.text.names import MAX_LETTER


def test_all_strategies_are_tried_and_have_a_template_beside_them():
    assert {name.partition(":")[0] for name in STRATEGIES} == set(REGISTERED)
    for name, strategy in REGISTERED.items():
        assert strategy.description
        assert (PROMPT_FOLDER / f"{name}.md").is_file()
        assert strategy.__module__ == f"{strategies.__name__}.{name}"


ASKED_FOR = {name: [strategy.form] for name, strategy in REGISTERED.items()}
ASKED_FOR |= {"fixed_steps": [Work, MustSpeak], "judge": [Score], "decompose": [PlannedWorkflow]}


def keys_in_order(schema, node=None):
    """Every key of a schema, each followed by those that stand within it, as constrained decoding writes them."""
    node = schema if node is None else node
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    if "items" in node:
        return keys_in_order(schema, node["items"])
    return [key for name, inner in node.get("properties", {}).items() for key in (name, *keys_in_order(schema, inner))]


@pytest.mark.parametrize("name", ASKED_FOR)
def test_the_schema_asks_for_the_fields_in_the_order_of_the_prompt(name):
    """Else a server that decodes by the schema has the action written before the reasons for it."""
    text = (PROMPT_FOLDER / f"{name}.md").read_text(encoding="utf-8")
    examples = [re.findall(r'"(\w+)": ', line) for line in text.splitlines() if line.startswith("{")]
    assert examples == [keys_in_order(json_schema(form)) for form in ASKED_FOR[name]]


NOT_IN_THE_RULES = {
    "horizon", "horizon_factor",  # agents see the share of the time that is used
    "reward_weights", "reward_sharing",  # what is learned from; prompts are told what is wanted
    "action_format", "mask_format", "mask_in_observation", "observation_key", "mask_in_info", "info_format",
    "relations", "max_agents", "max_subtasks", "vocab_size",
}  # fmt: skip
OTHER_VALUES = {
    "facet_weights": (1.0, 0.5, 0.25, 0.25),
    "request_expiry": 3,
    "exclusive_actions": True,
    "volatility": 0.07,
    "hidden_facts": 3,
}


def constants():
    """Every constant of the game with another value of it, as keywords of `EnvConfig`."""
    for one in fields(EnvConfig):
        value = getattr(EnvConfig(), one.name)
        if isinstance(value, Channel):
            for part in fields(Channel):
                other = 1 + getattr(value, part.name) if part.name == "latency" else getattr(value, part.name) / 2
                if (one.name, part.name) != ("meeting", "latency"):  # is always 0
                    yield f"{one.name}.{part.name}", {one.name: replace(value, **{part.name: other})}
        elif one.name not in NOT_IN_THE_RULES:
            yield (
                one.name,
                {one.name: OTHER_VALUES.get(one.name, value / 2 + 0.01 if isinstance(value, float) else None)},
            )


@pytest.mark.parametrize(("name", "change"), list(constants()))
def test_the_rules_tell_every_constant_of_the_game(name, change):
    assert rules(EnvConfig(**change)) != rules(EnvConfig())


@pytest.mark.parametrize(("richness", "tau", "after", "answer", "risen"), [
    (0.45, "0.3", "0.43", "0.55", "0.61"), (0.8, "0.72", "0.74", "0.85", "0.83"),
])  # fmt: skip
def test_the_worked_example_of_a_message_follows_the_constants(richness, tau, after, answer, risen):
    text = " ".join(rules(EnvConfig(chat=replace(EnvConfig().chat, richness=richness))).split())
    assert f"complexity 1.5: tau = {richness} ^ 1.5 = {tau}, so the worker's intent rises from 0.2 to {after};" in text
    assert f"as an answer tau = {richness} ^ 0.75 = {answer}, and it rises to {risen}." in text


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
    told = "chat (chat_tell, chat_ask): costs the sender 0.05 h and each reader 0.05 h, is read after 1 step" in first
    assert told is (strategy != "no_communication")


def test_who_cannot_speak_is_told_nothing_of_messages(server, options):
    prompts = [part for step in user_prompts("no_communication", options) for one in step for part in one.values()]
    whole = "\n".join(prompts).lower()
    for word in ("chat", "email", "meet", "letter", "message", "recipient", "topic", "speech", "silen", "tau", "bar."):
        assert word not in whole, word
    assert "the weighted mean of your" in whole
    assert rules(EnvConfig()).startswith(rules(EnvConfig(), speaks=False) + "\n\nMessages. ")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_system_says_what_all_agents_of_a_role_have_in_common(server, options, strategy):
    if strategy == "spp":
        pytest.skip("one question for all")
    steps = user_prompts(strategy, options, horizon=3)
    managers, workers = ({one["system"] for step in steps for one in step[part]} for part in (slice(1), slice(1, None)))
    assert len(managers) == len(workers) == 1
    assert (managers == workers) is (strategy != "c2c")


def common_prefix(one, other):
    return one[: next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))]


@pytest.mark.parametrize("strategy", ["direct", "react", "tme"])
def test_a_prompt_begins_as_that_of_the_step_before_up_to_what_changes(server, options, strategy):
    before, after = (step[1] for step in user_prompts(strategy, options, horizon=4)[2:4])
    assert before["system"] == after["system"]
    shared = common_prefix(before["user"], after["user"])
    assert "\n\nYou are worker_1. Your skill: " in shared
    assert "- s0 constraints: Fact constraints of one." in shared  # the expert's own
    assert ("\n\nBoard:\nsubtask,status," in shared) is (strategy != "react")  # whose history grows in every step


def test_what_a_message_is_worth_is_worked_out_in_the_prompt_of_c2c():
    """By hand, with skill 1, so that the expert understands the constraints fully.

    tau = 0.45 ^ (0.5 x 1.5) = 0.5494; the intent rises from 0.2 to 0.2 + 0.5494 x (0.95 - 0.2) = 0.6121.
    AF before: 0.01 + 0.99 x (0.35 x 0.2 + 0.25 x 0.1 + 0.25 x 1 + 0.15 x 0) = 0.01 + 0.99 x 0.345 = 0.35155;
    after: 0.01 + 0.99 x (0.35 x 0.6121 + 0.275) = 0.01 + 0.99 x 0.48922 = 0.49433.
    4 h: 4 / 0.35155 - 4 / 0.49433 = 11.378 - 8.092 = 3.29 h. 0.2 h: 0.56891 - 0.40459 = 0.16 h.
    A question and its answer by chat cost 2 x (0.05 + 0.05) = 0.2 h.
    """
    shown = weighed_message(EnvConfig())
    told = ("tau", "intent", "learnt", "before", "after", "cost")
    assert [shown[f"weighed_{name}"] for name in told] == ["0.55", "0.2", "0.61", "0.3515", "0.4943", "0.2"]
    assert (shown["much_left"], shown["much_saved"], shown["much_verdict"]) == ("4", "3.29", "it pays, so ask")
    assert (shown["little_left"], shown["little_saved"]) == ("0.2", "0.16")
    assert shown["little_verdict"] == "it does not pay, so work in silence"


@pytest.mark.parametrize(("hours", "verdict"), [
    (0.04, "it pays, so ask"),  # the exchange costs 2 x (0.04 + 0.04) = 0.16 h, less than 0.1643 h
    (0.042, "it does not pay, so work in silence"),  # 2 x (0.042 + 0.042) = 0.168 h
])  # fmt: skip
def test_the_verdict_on_a_message_follows_from_what_it_costs(hours, verdict):
    chat = replace(EnvConfig().chat, send_hours=hours, read_hours=hours)
    assert weighed_message(EnvConfig(chat=chat))["little_verdict"] == verdict


def test_the_demonstration_of_spp_fills_in_its_form_and_gives_each_agent_one_action():
    text = (PROMPT_FOLDER / "spp.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("Answer: ")]
    data, repairs = read_json(line.removeprefix("Answer: "))
    answer = validate(Performance, data, repairs)
    assert repairs == []
    assert [part.agent for part in answer.actions] == ["manager_0", "worker_1", "worker_2"]
    legal = LegalChoices((0, 1), tuple(range(len(c.SPEECHES))), (0, 1, 2, 3), (0, 1), 3)
    decided = [decide(part, legal, 3, 2, []) for part in answer.actions]
    assert [one.label for one in decided] == ["valid"] * 3
    assert [one.action for one in decided] == [(0, c.CHAT_TELL, 2, 1), (1, 0, 0, 0), (2, 0, 0, 0)]
    assert text.index("An example with an invented team") < text.index(line) < text.index("Answer with one JSON object")


WORDS = {"text": MAX_LETTER, "thought": 300, "value": 300, "node": 40, "source": 40, "agent": 9, "work": 3}
WORDS |= {"recipient": 9, "topic": 3, "personas": 100, "brainstorm": 160, "revision": 500, "depends_on": 30}


def longest_answer(form, num_agents):
    """An answer in which everything that is read of it is as long as it may be."""

    def filled(name, annotation):
        inner = get_args(annotation)
        if inner and isinstance(inner[0], str):
            return max(inner, key=len)
        if get_origin(annotation) is list:
            count = {"memory": MOST_UPDATES, "depends_on": 3}.get(name, num_agents)
            return [filled(name, inner[0])] * count
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return {key: filled(key, field.annotation) for key, field in annotation.model_fields.items()}
        return 0.25 if annotation is float else "x" * WORDS[name]

    return json.dumps({key: filled(key, field.annotation) for key, field in form.model_fields.items()})


@pytest.mark.parametrize("size", [2, 5, 8, 17, 40])
@pytest.mark.parametrize("strategy", REGISTERED)
def test_the_longest_answers_have_room_for_strategy_and_team(strategy, size):
    made = REGISTERED[strategy](EnvConfig(), size)
    needed = len(longest_answer(made.form, size)) / 3  # characters a token
    assert needed <= made.answer_tokens <= 512 + 2 * needed


@pytest.mark.parametrize(("given", "expected"), [({}, {"react": 612, "spp": 1568}), ({"max_tokens": 77}, 77)])
def test_the_room_for_an_answer_is_asked_for_unless_it_is_given(server, options, given, expected):
    for strategy in ("react", "spp"):
        seen = []
        server.fault = lambda number, body, seen=seen: seen.append(body["max_tokens"])
        policy = prompted(batch := small_batch(horizon=1), strategy, {**options, **given})
        play(batch, policy)
        room = expected if isinstance(expected, int) else expected[strategy]
        assert set(seen) == {room} == {policy.max_tokens}
        assert {turn.question.content(policy.options)["max_tokens"] for turn in policy.turns[0]} == {room}


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


def test_silence_at_a_step_in_which_one_must_speak_is_invalid(server, options):
    server.rule = lambda body: json.dumps(choice("s0") if form_of(body) == "mustspeak" else {"work": "s0"})
    batch = small_batch(horizon=4)
    policy = prompted(batch, "fixed_steps:2", options)
    labels = []
    play(batch, policy, on_step=lambda: labels.append({d.label for turn in policy.turns[0] for d in turn.decisions}))
    assert labels == [{"invalid"}, {"valid"}] * 2
    assert json.loads(policy.episode_columns(0)["invalid_reasons"]).keys() == {
        "speech: Input should be ..., ..., ..., ..., ... or ..."
    }


def test_who_is_alone_need_not_speak(server, options):
    (metrics,), policy, _ = play_small("fixed_steps:1", options, size=1)
    assert metrics["messages"] == 0
    assert policy.episode_columns(0)["answers_invalid"] == 0


def test_assigning_to_the_whole_team_is_not_allowed(server, options):
    server.rule = lambda body: json.dumps(choice(None, "assign", "team", "s0", "All."))
    batch = small_batch(horizon=1)
    policy = prompted(batch, "direct", options)
    play(batch, policy)
    manager, worker, _ = policy.turns[0]
    assert manager.decisions[0].how == "recipient team is not allowed with assign, which makes one agent the owner"
    assert worker.decisions[0].how == "speech assign is not allowed now"
    assert "- recipient: worker_1, worker_2, team (not with assign)\n" in manager.question.messages[1][1]
    assert "- recipient: manager_0, worker_2, team\n" in worker.question.messages[1][1]


def talk(body):
    form = body["response_format"]["json_schema"]["name"]
    me = re.search(r"^You are (\w+)\.", body["messages"][-1]["content"], re.MULTILINE).group(1)
    to = "worker_1" if me == "manager_0" else "manager_0"
    return {} if form == "work" else choice(None, "chat_ask", to, "s0", "?")


def test_direct_assignment_by_the_manager(server, options):
    def rule(body):
        chosen = json.loads(answer_by_rule(body))
        view = body["messages"][-1]["content"]
        if "You are manager_0." in view and "Time: 0.0 %" in view:
            return json.dumps({**chosen, **choice(None, "assign", "worker_2", "s0", "Yours.")})
        return json.dumps({**chosen, **choice()} if "Time: 0.0 %" in view else chosen)

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


def test_react_says_that_it_remembers_no_more_than_some_steps(server, options):
    server.rule = lambda body: json.dumps({"thought": "Wait.", **choice()})
    steps = [step[1]["user"] for step in user_prompts("react", options, horizon=REMEMBERED + 2)]
    assert "did in earlier steps:" in steps[REMEMBERED]
    assert f"did in earlier steps (the last {REMEMBERED}):" in steps[REMEMBERED + 1]
    assert steps[REMEMBERED].count("\n- saw:") == steps[REMEMBERED + 1].count("\n- saw:") == REMEMBERED


def test_the_rules_say_how_much_of_messages_is_shown():
    told = " ".join(rules(EnvConfig()).split())
    assert f"A message carries up to {MAX_LETTER} characters of words; they are shown for {KEPT_STEPS} steps" in told
    assert f"the latest {MOST_LETTERS} messages at once" in told


def test_react_is_told_when_its_answer_was_invalid(server, options):
    server.fault = lambda number, body: "no_such_subtask" if number < 3 else None
    _, second, *_ = user_prompts("react", options)
    assert "your answer was invalid (thought: Field required), so you did nothing" in second[1]["user"]


# --- task memory ------------------------------------------------------------------------------------------------


def memory_in(prompt):
    """The section of the memory."""
    return next(part for part in prompt.split("\n\n") if part.startswith("Your memory "))


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
    assert graph.nodes["s0.intent"].depends_on == ("s2.plan", "s8.unknown")
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
        begun = "Your memory has no notes" not in body["messages"][-1]["content"]
        return json.dumps({"memory": [] if begun else memory, **choice()})

    server.rule = rule
    steps = user_prompts("tme", options, volatility=0.3)
    worker = [memory_in(step[1]["user"]) for step in steps]
    assert worker[0] == "Your memory has no notes on the subtasks at hand."
    assert "- s0.plan = paint (from board; follows from s0.intent)" in worker[1]
    changed = next(text for text in worker if FORGOTTEN in text)
    assert f"- s0.intent = {FORGOTTEN} (from board; before: blue)" in changed
    assert "- s0.plan [revise] = paint (from board; follows from s0.intent)" in changed


def test_what_a_note_follows_from_may_be_noted_later():
    graph = Graph()
    graph.apply(note("new", "s2.plan", "after s1", ["s1.interface", "s0.intent"]))
    graph.apply(note("new", "s1.interface", "from s0"))
    assert graph.relevant([2]) == ["s2.plan", "s1.interface"]
    graph.apply(note("update", "s1.interface", "other"))
    assert revised(graph) == {"s2.plan"}


def seen(env, graph):
    """Let agent 1 look at the board."""
    batch, sizes = env.batch, [int(n) for n in env.batch.action_sizes]
    legal = legal_choices(batch.action_masks[0, 1], sizes)
    sight = look(batch.layout, batch.observations[0, 1], legal, batch.num_agents)
    graph.see(sight, WorkflowWords.of(batch.workflow()))
    return sight


@pytest.fixture
def chain():
    """Two subtasks that s2 needs, one that nothing needs, and one that needs s2."""
    subtasks = [
        Subtask(f"n{k}", "backend", 1.0, 1.0, needs) for k, needs in enumerate([(), (), ("n0", "n1"), ("n2",), ()])
    ]
    env = parallel_env(Workflow("chain", "simple", tuple(subtasks)), team_size=3)
    env.reset(seed=0)
    return env


def finish(env, *finished):
    """Put the environment into a state in which these subtasks are done."""
    snapshot = env.snapshot()
    needs = env.batch.workflow().prerequisite_indices()
    for k in finished:
        snapshot["done"][k], snapshot["status"][k], snapshot["owner"][k] = True, c.DONE, 1
        snapshot["remaining"][k], snapshot["finish_alignment"][k], snapshot["finished_step"][k] = 0.0, 1.0, 0
        snapshot["worked_hours"][k] = snapshot["aligned_hours"][k] = 1.0
    done = snapshot["done"]
    for k, wanted in enumerate(needs):
        snapshot["prerequisites_left"][k] = sum(not done[p] for p in wanted)
        snapshot["dependents_left"][k] = sum(k in other and not done[j] for j, other in enumerate(needs))
        if not done[k]:
            snapshot["status"][k] = c.BLOCKED if snapshot["prerequisites_left"][k] else c.READY
    snapshot["subtasks_left"] = np.array((~done).sum())
    env.restore(snapshot)


def test_the_graph_starts_from_the_workflow_and_learns_what_waited_for_what(chain):
    graph = Graph()
    seen(chain, graph)
    assert list(graph.nodes) == ["s0", "s1", "s2", "s3", "s4"]
    assert graph.relevant(range(5)) == []  # the board says all of it
    finish(chain, 0)
    seen(chain, graph)
    assert {name: node.depends_on for name, node in graph.nodes.items() if node.depends_on} == {"s2": ("s0",)}
    finish(chain, 1, 4)  # s2 waits for one less though two were finished, so which one cannot be told
    seen(chain, graph)
    assert graph.nodes["s2"].depends_on == ("s0",)
    graph.apply(note("new", "s0.interface", "blue"))
    assert graph.relevant([2]) == ["s2", "s0.interface"]


def test_a_full_memory_forgets_finished_subtasks_and_takes_what_is_new(chain):
    graph = Graph()
    seen(chain, graph)
    for k in range(MOST_NODES // 4):
        for subtask in (0, 2, 3, 4):
            graph.apply(note("new", f"s{subtask}.note{k}", str(k)))
    assert graph.unsaid == []
    finish(chain, 0)
    seen(chain, graph)  # s2 follows from s0
    finish(chain, 4)
    seen(chain, graph)
    quarter = MOST_NODES // 4
    for k in range(MOST_NODES):
        graph.apply(note("new", f"s3.new{k}", "?"))
        notes = [name for name in graph.nodes if "." in name]
        assert len(notes) == MOST_NODES
        assert notes[-1] == f"s3.new{k}"
        left = {subtask: sum(name.startswith(f"s{subtask}.note") for name in notes) for subtask in (0, 2, 3, 4)}
        assert left[4] == max(0, quarter - 1 - k)  # finished, and nothing follows from it
        assert left[0] == min(quarter, max(0, 2 * quarter - 1 - k))  # finished, and s2 follows from it
        assert left[2] + left[3] == min(2 * quarter, 4 * quarter - 1 - k)
    assert graph.unsaid[0] == "s4.note0 was forgotten for want of room"
    assert len(graph.unsaid) == MOST_NODES


def test_whatever_is_left_out_is_said(server, options):
    def rule(body):
        first = "Time: 0.0 %" in body["messages"][-1]["content"]
        memory = [
            {"intent": "new", "node": f"s0.n{k}", "value": "v", "source": "board", "depends_on": []} for k in range(14)
        ]
        more = [{**one, "node": f"s1.n{k}"} for k, one in enumerate(memory[:8])]
        return json.dumps({"memory": memory if first else more, **choice()})

    server.rule = rule
    first, second, third, fourth, *_ = (memory_in(step[1]["user"]) for step in user_prompts("tme", options))
    assert "want of room" not in first
    assert second.count("\n- s0.n") == MOST_UPDATES
    assert second.endswith("\nYour memory: the last 2 changes of your answer were left out, 12 are the most.")
    assert third.count("\n- s") == MOST_SHOWN
    assert third.endswith("\nNot shown for want of room: s0.n0, s0.n1, s0.n2, s0.n3.")
    assert "changes of your answer" not in fourth


# --- one model for all ------------------------------------------------------------------------------------------


def test_spp_asks_once_a_step_and_shows_every_view(server, options):
    steps = user_prompts("spp", options)
    assert all(len(step) == 1 for step in steps)
    for name in ("manager_0", "worker_1", "worker_2"):
        assert f"=== View of {name} ===\nYou are {name}. " in steps[0][0]["user"]
    assert steps[0][0]["user"].count("\nsubtask,domain,effort,") == 1


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
        ("invalid", "manager_0 has not exactly one action"),
        ("invalid", "worker_1 has not exactly one action"),
        ("repaired", "spelling of work"),
    ]
    columns = policy.episode_columns(0)
    assert (columns["answers"], columns["answers_invalid"], columns["prompt_tokens"]) == (3, 2, 100)
