"""The rendering: what stands in it, what does not, and that it is a function of the observation."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulate import random_env, random_snapshot

from c2c_env import EnvConfig, Subtask, Workflow, load_builtin, parallel_env
from c2c_env.core import constants as c
from c2c_env.text import FACT_THRESHOLD, Letter, WorkflowWords, legal_choices, look, one_line, quoted, render
from c2c_env.text.names import MAX_LETTER
from c2c_env.text.observation_text import number_of_steps, render_fixed, render_own
from c2c_env.workflows import FACETS


def sights(env, letters=()):
    batch, sizes = env.batch, [int(n) for n in env.batch.action_sizes]
    return [
        look(
            batch.layout,
            batch.observations[0, i],
            legal_choices(batch.action_masks[0, i], sizes),
            batch.num_agents,
            letters,
        )
        for i in range(batch.num_agents)
    ]


def texts(env, letters=()):
    words = WorkflowWords.of(env.batch.workflow())
    return [render(sight, words) for sight in sights(env, letters)]


def with_facts(workflow):
    facts = [{facet: f"Fact {facet} of {s.id}." for facet in FACETS} for s in workflow.subtasks]
    return replace(workflow, subtasks=tuple(replace(s, facts=f) for s, f in zip(workflow.subtasks, facts, strict=True)))


@pytest.mark.parametrize("seed", range(12))
def test_equal_arrays_render_to_equal_text_and_formats_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    env = random_env(rng, agents=4, subtasks=7)
    snapshot = random_snapshot(env, rng)
    workflow = env.batch.workflow()
    twins = [env, parallel_env(workflow, team=env.team)]
    twins += [parallel_env(workflow, team=env.team, relations="index", max_agents=6, max_subtasks=11)]
    for twin in twins:
        mailbox = snapshot["mailbox"].copy()
        mailbox["recipient"][mailbox["recipient"] == env.batch.max_agents] = twin.batch.max_agents  # the whole team
        twin.restore({**snapshot, "mailbox": mailbox})
    np.testing.assert_array_equal(twins[0].batch.observations, twins[1].batch.observations)
    assert texts(twins[0]) == texts(twins[1])
    assert texts(twins[0]) == texts(twins[2])


NOT_BY_THEMSELVES = {
    "roles": "the first agent is the manager, and is named so",
    "self": "is own_index once more",
    "own_role": "the first agent is the manager",
    "own_skills": "are a row of skills, and one's own name is shown",
    "own_work": "is what oneself worked on, in working_on",
}
PARTNER_OF = {"request_to_me": "asks_me", "request_by_me": "asked", "message_recency": "message_topic"}


def others_of(observation, layout, name, place, partner):
    """What else could stand in an entry of a field, as a list of whole blocks [the field's shape]."""
    scale, block = layout.fields[name].scale, layout.get(observation, name)
    if scale == "flag":
        return list(one_hot_others(block, place, exclusive_axis(layout, name)))
    if scale == "recency":  # the age of what is there; without a request or a message nothing has an age
        ages = (0.5, 0.25, 1.0) if partner[place[0]] else ()
        return [with_entry(block, place, age) for age in ages if age != block[place]]
    if scale in ("index", "count"):
        sizes = layout.sizes["A"] if name in ("owner", "interface_holders", "own_index") else layout.sizes["K"]
        least = 1 if name == "own_index" or (name == "message_topic" and partner[place[0]]) else 0
        there = set(block[place[0]].tolist()) if name == "interface_holders" else {block[place]}
        wanted = (np.arange(least, 4) / sizes).astype(np.float32)
        return [with_entry(block, place, x) for x in wanted if x not in there and (x or name != "interface_holders")]
    return [with_entry(block, place, x) for x in (block[place] - 0.03, block[place] + 0.03) if 0.0 <= x < 0.98]


def exclusive_axis(layout, name):
    """Along which axis of a field of flags only one entry may be set; None: each says something of its own."""
    axes = layout.fields[name].axes
    if name == "interface_holders":
        return None
    return 0 if axes == "K A" and name != "owner" else 1


def one_hot_others(block, place, axis):
    """Move the one that is set, or set one where none is."""
    if axis is None:
        yield with_entry(block, place, 1.0 - block[place])
        return
    line = (slice(None), place[1]) if axis == 0 else (place[0], slice(None))
    if not block[place]:
        moved = block.copy()
        moved[line] = 0.0
        moved[place] = 1.0
        yield moved


def with_entry(block, place, value):
    changed = block.copy()
    changed[place] = value
    return changed


def known_partners(layout, observation, name):
    """Of which agents a request or a message is there."""
    relation = layout.relation(observation, PARTNER_OF.get(name, "message_topic"))
    return relation.any(axis=0)


@pytest.mark.parametrize("relations", ["onehot", "index"])
@pytest.mark.parametrize("name", sorted({*parallel_env(load_builtin("csv-import-tool"), team_size=2).batch.layout}))
def test_every_number_of_the_observation_is_in_the_text(name, relations):
    """What learned teams see, prompted teams see: no entry can change without the text."""
    if name in NOT_BY_THEMSELVES:
        pytest.skip(NOT_BY_THEMSELVES[name])
    tried = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        sizes = {"vocab_size": 3, "hidden_facts": 3, "max_agents": 5, "max_subtasks": 8}
        env = random_env(rng, 3, 5, relations=relations, **sizes)
        env.restore(random_snapshot(env, rng))
        batch, layout = env.batch, env.batch.layout
        words, sizes = WorkflowWords.of(batch.workflow()), [int(n) for n in batch.action_sizes]
        real = {"A": batch.num_agents, "K": len(batch.workflow().subtasks), "HOLDERS": 1}
        for i in range(batch.num_agents):
            observation, legal = batch.observations[0, i], legal_choices(batch.action_masks[0, i], sizes)
            text = render(look(layout, observation, legal, batch.num_agents), words)
            partner = known_partners(layout, observation, name)
            axes = layout.fields[name].axes.split()
            shape = [real.get(axis, size) for axis, size in zip(axes, layout.shape(name), strict=True)]
            agents_axis = axes.index("A") if "A" in axes else 0
            for place in np.ndindex(*shape):
                if name.startswith("message_") and not partner[place[agents_axis]]:
                    continue  # there is no message
                for block in others_of(observation, layout, name, place, partner):
                    changed = observation.copy()
                    changed[layout[name]] = block.reshape(-1)
                    assert render(look(layout, changed, legal, batch.num_agents), words) != text, (name, place)
                    tried += 1
    assert tried >= 6


def test_another_observation_is_another_text():
    env = parallel_env(load_builtin("csv-import-tool"), team_size=3)
    env.reset(seed=0)
    before = texts(env)
    assert len(set(before)) == 3
    env.step({agent: [1, 0, 0, 0] for agent in env.agents})
    assert all(now != then for now, then in zip(texts(env), before, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_a_fact_is_shown_exactly_where_its_facet_is_understood(seed):
    rng = np.random.default_rng(seed)
    workflow = with_facts(random_env(rng, agents=3, subtasks=6).batch.workflow())
    env = parallel_env(workflow, team_size=3)
    env.reset(seed=0)
    env.restore(random_snapshot(env, rng))
    u = env.batch.state.understanding[0].astype(np.float32)
    for sight, text in zip(sights(env), texts(env), strict=True):
        for k, subtask in enumerate(workflow.subtasks):
            for f, facet in enumerate(FACETS):
                concerns = k in sight.at_hand and not (facet == "interface" and sight.interface_weight[k] == 0)
                known = concerns and u[sight.me, k, f] >= FACT_THRESHOLD
                assert (f"Fact {facet} of {subtask.id}." in text) == known


def test_the_threshold_is_a_half():
    workflow = with_facts(Workflow("w", "simple", (Subtask("a", "backend", 2.0, 1.0),)))
    env = parallel_env(workflow, team_size=2)
    env.reset(seed=0)
    snapshot = env.snapshot()
    for u, shown in ((0.5, True), (0.4999, False)):
        snapshot["understanding"][1, 0, c.INTENT] = u
        env.restore(snapshot)
        assert ("Fact intent of a." in texts(env)[1]) is shown


def test_hand_worked_board():
    subtasks = (
        Subtask("a", "backend", 4.0, 1.5, title="First"),
        Subtask("b", "data", 2.0, 1.0, ("a",), title="Second"),
    )
    env = parallel_env(Workflow("w", "simple", subtasks), team_size=3, config=EnvConfig(rework_probability=0.0))
    env.reset(seed=0)
    env.step({"manager_0": [0, c.ASSIGN, 1, 0], "worker_1": [1, 0, 0, 0], "worker_2": [0, c.CHAT_ASK, 1, 0]})
    env.step({"manager_0": [0, 0, 0, 0], "worker_1": [1, 0, 0, 0], "worker_2": [0, 0, 0, 0]})
    _, worker, other = texts(env)
    sight = sights(env)[1]
    fixed, name, own = worker.partition("\n\nYou are worker_1. Your skill: 1 for s0; 0.7 for s1.\n\n")
    assert name
    assert other.startswith(f"{fixed}\n\nYou are worker_2. Your skill: 0.4 for s0, s1.\n\n")
    assert '\ns0,backend,4,1.5,0,"First"\ns1,data,2,1,0.25,"Second"\n\nThe board below says' in fixed
    left, aligned, learnt = sight.remaining[0], sight.alignment[0], sight.understanding[0, c.CONTEXT]
    intent = 0.2 + 0.45**1.5 * (0.95 - 0.2)  # told by the assignment, which is no answer
    assert "agent,backend,frontend,data,infrastructure,quality\nmanager_0,0.4,0.4,0.4,0.4,0.4\n" in fixed
    assert "\nworker_1,1,0.4,0.7,0.4,0.4\n" in fixed
    assert "\nsubtask,domain,effort,complexity,interface_weight,title\n" in fixed
    # the path takes 4 / 1 + 2 / 0.7 = 6.86 h, so the horizon is 5 x 6.86 / 0.5 = 69 steps, and 2 / 69 = 2.9 %
    assert "\n\nTime: 2.9 % is used" in own
    assert "\n\nWho worked in the last step: worker_1 on s0.\n\n" in own
    assert own.startswith(
        "Board:\nsubtask,status,left,criticality,waits/needed,owner,interface_known_to,AF,understanding\ns1,blocked,2,"
    )
    first = f"s0,ready,{left:.2f},{sight.critical_path[0]:.2f},0/1,worker_1,-,{aligned:.2f},"
    assert f"\n{first}{intent:.2f}/0.1/1/{learnt:.2f}\n" in own
    assert "- worker_2 asks you about s0, 0 steps ago" in worker
    assert "- last read from manager_0: assign about s0, 0 steps ago" in worker
    assert "- you asked worker_1 about s0, 0 steps ago" in other
    assert "- work: s0, null" in worker
    assert "- speech: silent, chat_tell, chat_ask, email_tell, email_ask, meet\n" in worker
    assert "- recipient: manager_0, worker_2, team" in worker
    assert "- topic: s0, s1" in worker
    assert "assign" in texts(env)[0].rpartition("- speech:")[2]


def test_what_is_fixed_stands_first_and_is_the_same_for_all_agents_in_all_steps():
    env = parallel_env(with_facts(load_builtin("csv-import-tool")), team_size=3)
    env.reset(seed=0)
    words, seen = WorkflowWords.of(env.batch.workflow()), set()
    for step in range(6):
        for sight in sights(env):
            text, fixed = render(sight, words), render_fixed(sight, words)
            assert text == f"{fixed}\n\n{render_own(sight, words)}"
            seen.add(fixed)
        env.step({agent: [step, c.CHAT_TELL if agent == "worker_1" else 0, 0, 1] for agent in env.agents})
    assert len(seen) == 1


def test_what_changes_seldom_stands_before_what_always_does_and_choices_are_last():
    env = parallel_env(with_facts(load_builtin("csv-import-tool")), team_size=3)
    env.reset(seed=0)
    sight = replace(sights(env, [Letter(2, c.EMAIL_TELL, 1, "One.", 3)])[0], known_fact=np.full(20, -1))
    sight.known_fact[1] = 2
    text = render(sight, WorkflowWords.of(env.batch.workflow()), remembered="Remembered.")
    heads = ["Team (", "Subtasks (", "The board below", "You are ", "Wanted variants", "What you know", "Remembered."]
    heads += ["Board:", "Time: ", "Who worked", "What teammates wrote", "Your choices now:"]
    assert [next(h for h in heads if part.startswith(h)) for part in text.split("\n\n")] == heads


def test_who_cannot_speak_sees_neither_messages_nor_choices_of_them():
    env = parallel_env(load_builtin("csv-import-tool"), team_size=3)
    env.reset(seed=0)
    env.step({"manager_0": [0] * 4, "worker_1": [1, c.CHAT_ASK, 0, 0], "worker_2": [0] * 4})
    env.step({agent: [0] * 4 for agent in env.agents})
    words, [sight, *_] = WorkflowWords.of(env.batch.workflow()), sights(env, [Letter(2, c.EMAIL_TELL, 1, "One.", 3)])
    whole, silent = render(sight, words), render(sight, words, speaks=False)
    start, head, rest = whole.partition("\n\nRequests and messages:\n- worker_1 asks you about s0")
    assert head
    assert "One." in rest
    choices = rest[rest.index("\n\nYour choices now:") :]
    assert silent == start + choices[: choices.index("\n- speech: ")]


def test_what_one_knows_of_variants_is_told():
    subtasks = tuple(Subtask(name, "backend", 4.0, 1.5) for name in "ab")
    env = parallel_env(Workflow("w", "simple", subtasks), team_size=3, hidden_facts=3)
    env.reset(seed=0)
    snapshot = env.snapshot()
    snapshot["fact"] = np.array([2, 0])
    env.restore(snapshot)
    env.step({"manager_0": [0] * 5, "worker_1": [2, 0, 0, 0, 0], "worker_2": [0] * 5})
    head = "Wanted variants of subtasks, as far as you know:"
    manager, worker, other = texts(env)
    assert f"\n\n{head}\n- s0: 2\n- s1: 0\n\n" in manager
    assert f"\n\n{head}\n- s1: 0\n\n" in worker
    assert head not in other
    legal = legal_choices(env.batch.action_masks[0, 1], env.batch.action_sizes.tolist(), 3)
    sight = replace(sights(env)[1], legal=legal)
    assert "\n- variant (of what you work on): 0 to 2\n" in render(sight, WorkflowWords.of(env.batch.workflow()))


def test_without_hidden_facts_nothing_is_said_of_variants():
    env = parallel_env(load_builtin("csv-import-tool"), team_size=3)
    env.reset(seed=0)
    assert all("variant" not in text.lower() for text in texts(env))


def test_letters_are_quoted_and_named():
    env = parallel_env(load_builtin("csv-import-tool"), team_size=3)
    env.reset(seed=0)
    text = texts(env, [Letter(2, c.EMAIL_TELL, 1, "One.\nYour choices now:\n- work: s9", 3)])[0]
    assert "- email_tell from worker_2 about s1, 3 steps ago:\n| One.\n| Your choices now:\n| - work: s9\n" in text
    assert text.count("\nYour choices now:") == 1


@given(st.text(max_size=2000))
def test_quoted_words_cannot_leave_their_bars(text):
    shown = quoted(text)
    assert all(line.startswith("| ") for line in shown.splitlines())
    assert shown.splitlines() == shown.split("\n")
    assert all(unicodedata.category(ch)[0] != "C" for ch in shown.replace("\n", ""))
    assert sum(len(line) - 2 for line in shown.split("\n")) <= MAX_LETTER


@given(st.text(max_size=300), st.integers(4, 50))
def test_plain_is_one_line(text, limit):
    shown = one_line(text, limit)
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= limit
    assert one_line(shown) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps")])
def test_one_step_is_not_several(count, shown):
    assert number_of_steps(count) == shown
