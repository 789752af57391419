"""Every named field of an observation says what the state and the parameters say."""

from __future__ import annotations

import numpy as np
import pytest
from simulate import random_env, random_snapshot, sample_legal, step

from c2c_env import Channel, Subtask, Team, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.core.observation.layout import ObservationLayout

ROUGH = {"volatility": 0.05, "rework_probability": 1.0}
PADDED = {"max_agents": 6, "max_subtasks": 9, "vocab_size": 3}
FACTS = {"hidden_facts": 3}
SLOW = {"email": Channel(send_hours=0.1, read_hours=0.05, latency=3, richness=0.6), "request_expiry": 3}
CASES = {
    "onehot": {"relations": "onehot"},
    "index": {"relations": "index"},
    "onehot_padded": {"relations": "onehot", **PADDED, **SLOW},
    "index_padded": {"relations": "index", **PADDED},
    "onehot_facts": {"relations": "onehot", **FACTS},
    "index_facts": {"relations": "index", **PADDED, **FACTS},
    "two_domains": {"relations": "onehot", "domains": ("x", "y")},
    "seven_domains": {"relations": "index", **PADDED, "domains": tuple("gfedcba")},
    "index_discrete": {"relations": "index", "action_format": "discrete", "max_agents": 8},
}
WAIT = [0, 0, 0, 0]
ASKS, TELLS = (c.CHAT_ASK, c.EMAIL_ASK), (c.CHAT_TELL, c.EMAIL_TELL, c.ASSIGN)


class Expected:
    """What agent i should see, as raw numbers, from a snapshot, the workflow and the team."""

    def __init__(self, env, i):
        self.env, self.i, self.batch = env, i, env.batch
        self.workflow, self.snapshot = env.batch.workflow(), env.snapshot()
        self.skill = np.array(env.team.skills)
        self.n, self.count = self.skill.shape[0], len(self.workflow.subtasks)
        self.domain = [self.workflow.domains.index(s.domain) for s in self.workflow.subtasks]
        self.needs = self.workflow.prerequisite_indices()
        self.effort = np.array([s.effort for s in self.workflow.subtasks])
        self.weights = np.array([s.weights(env.config.facet_weights) for s in self.workflow.subtasks])
        self.t = int(self.snapshot["t"])

    def fields(self):
        place = int(self.batch.state.workflow[0])
        own_u = self.snapshot["understanding"][self.i]
        debt = self.snapshot["debt"][self.i]
        is_manager = np.arange(self.n) == 0
        return {
            "time_used": [self.t / self.batch.params.horizon[place]],
            "roles": is_manager,
            "skills": self.skill,
            "status": np.eye(3)[self.snapshot["status"]],
            "remaining": self.snapshot["remaining"] / self.effort,
            "effort": self.effort / (self.effort + 5),
            "complexity": [s.complexity / 2.5 for s in self.workflow.subtasks],
            "domain": np.eye(self.skill.shape[1])[self.domain],
            "prerequisites_left": [len(open_) / self.batch.max_subtasks for open_ in self.open_prerequisites()],
            "dependents_left": [self.open_dependents(k) / self.batch.max_subtasks for k in range(self.count)],
            "critical_path": [self.critical_path(k) for k in range(self.count)],
            "interface_weight": self.weights[:, c.INTERFACE],
            "self": np.arange(self.n) == self.i,
            "own_index": [(self.i + 1) / self.batch.max_agents],
            "own_role": [self.i == 0],
            "own_skills": self.skill[self.i],
            "own_debt": [debt / (debt + 5)],
            "own_understanding": own_u,
            "own_alignment": 0.01 + 0.99 * (self.weights * own_u).sum(axis=1),
            "own_skill": self.skill[self.i, self.domain],
            "own_work": np.arange(self.count) == self.snapshot["last_work"][self.i],
            "request_to_me": [self.recency(j, self.i) * (self.asks_me(j) >= 0) for j in range(self.n)],
            "request_by_me": [self.my_recency(j) for j in range(self.n)],
            **self.messages(),
            **self.facts(),
            **(self.onehot() if self.env.config.relations == "onehot" else self.index()),
        }

    def facts(self):
        variants = np.arange(self.env.config.hidden_facts)
        wanted = self.snapshot["fact"][:, None] == variants
        return {"known_fact": (self.snapshot["knows"][self.i, :, None] > 0) & wanted}

    def done(self, k):
        return bool(self.snapshot["done"][k])

    def open_prerequisites(self):
        return [[q for q in wanted if not self.done(q)] for wanted in self.needs]

    def open_dependents(self, k):
        return sum(k in wanted and not self.done(d) for d, wanted in enumerate(self.needs))

    def critical_path(self, k):
        best = self.effort / self.skill[:, self.domain].max(axis=0)

        def behind(q):
            return max((best[d] + behind(d) for d in range(self.count) if q in self.needs[d]), default=0.0)

        bound = max(*(best[q] + behind(q) for q in range(self.count)), best.sum() / self.n)
        rest = self.snapshot["remaining"][k] / self.effort[k] * best[k]
        return 0.0 if self.done(k) else (rest + behind(k)) / bound

    def recency(self, asker, asked):
        age = self.snapshot["request_age"][asker, asked]
        return 0.0 if age < 0 else 1.0 / (1.0 + age)

    def under_way(self, j, speeches):
        """Topics of what I sent to agent j and it has not read yet, newest first."""
        latency = {c.CHAT: self.env.config.chat.latency, c.EMAIL: self.env.config.email.latency}
        mailbox = self.snapshot["mailbox"]
        for age in range(len(mailbox)):
            mail = mailbox[(self.t - age) % len(mailbox), self.i]
            speech = int(mail["speech"])
            to_j = mail["recipient"] in (j, self.batch.max_agents) and j != self.i
            if to_j and speech in speeches and age < latency[c.CHANNEL_OF_SPEECH[speech]]:
                yield int(mail["topic"])

    def asked(self, j):
        return next(self.under_way(j, ASKS), self.snapshot["request_topic"][self.i, j])

    def my_recency(self, j):
        return 1.0 if any(True for _ in self.under_way(j, ASKS)) else self.recency(self.i, j)

    def asks_me(self, j):
        """What j asks me, unless my answer is under way."""
        topic = self.snapshot["request_topic"][j, self.i]
        return -1 if topic in self.under_way(j, TELLS) else topic

    def messages(self):
        speech = self.snapshot["read_speech"][self.i]
        age = self.t - self.snapshot["read_step"][self.i]
        symbols = np.zeros((self.n, self.env.config.vocab_size))
        for j in np.flatnonzero(speech) if symbols.size else ():
            symbols[j, self.snapshot["read_symbol"][self.i, j]] = 1
        return {
            "message_speech": np.eye(7)[speech][:, 1:],
            "message_recency": np.where(speech > 0, 1.0 / (1.0 + age), 0.0),
            "message_symbol": symbols,
        }

    def holders(self, k):
        """Who finished a prerequisite of k, latest first, then in the order of the prerequisites."""
        finished = [q for q in self.needs[k] if self.done(q)]
        finished.sort(key=lambda q: -self.snapshot["finished_step"][q])
        return list(dict.fromkeys(int(self.snapshot["owner"][q]) for q in finished))

    def subtask_of_agents(self):
        """For each relation with one subtask an agent: that subtask."""
        return {
            "working_on": self.snapshot["last_work"],
            "asks_me": [self.asks_me(j) for j in range(self.n)],
            "asked": [self.asked(j) for j in range(self.n)],
            "message_topic": self.snapshot["read_topic"][self.i],
        }

    def onehot(self):
        agents, subtasks = np.arange(self.n), np.arange(self.count)[:, None]
        relations = {name: np.equal(subtasks, topics) for name, topics in self.subtask_of_agents().items()}
        relations["owner"] = self.snapshot["owner"][:, None] == agents
        relations["interface_holders"] = [np.isin(agents, self.holders(k)) for k in range(self.count)]
        return relations

    def index(self):
        scale = self.batch.max_subtasks
        relations = {name: (np.array(topics) + 1) / scale for name, topics in self.subtask_of_agents().items()}
        relations["owner"] = (self.snapshot["owner"] + 1) / self.batch.max_agents
        holders = [[*self.holders(k), -1, -1, -1][:3] for k in range(self.count)]
        relations["interface_holders"] = (np.array(holders) + 1) / self.batch.max_agents
        return relations


def assert_fields_agree(env):
    for i in range(env.batch.num_agents):
        observation = env.batch.observations[0, i]
        wanted = Expected(env, i).fields()
        assert wanted.keys() == set(env.layout)
        for name, values in wanted.items():
            got = env.layout.get(observation, name)
            padded = np.zeros(got.shape)
            values = np.asarray(values, dtype=float)
            padded[tuple(map(slice, values.shape))] = values
            np.testing.assert_allclose(got, padded, rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", CASES)
def test_fields_equal_the_state_over_an_episode(case, seed):
    rng = np.random.default_rng([seed, len(case)])
    env = random_env(rng, agents=int(rng.integers(1, 6)), subtasks=8, horizon=25, **ROUGH, **CASES[case])
    assert_fields_agree(env)
    while env.agents:
        step(env, sample_legal(env, rng))
        assert_fields_agree(env)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("case", CASES)
def test_fields_equal_any_legal_state(case, seed):
    rng = np.random.default_rng([seed, 99])
    env = random_env(rng, agents=int(rng.integers(1, 6)), subtasks=9, **CASES[case])
    env.restore(random_snapshot(env, rng))
    assert_fields_agree(env)


@pytest.mark.parametrize("relations", ["onehot", "index"])
@pytest.mark.parametrize("facts", [0, 3])
@pytest.mark.parametrize("sizes", [(1, 1, 5, 0), (3, 5, 1, 0), (7, 4, 6, 2)])
def test_layout_covers_everything_once(sizes, relations, facts):
    layout = ObservationLayout.build(*sizes, relations, facts)
    covered = np.concatenate([np.arange(layout.size)[layout[name]] for name in layout])
    assert covered.tolist() == list(range(layout.size))
    for name in layout:
        assert layout.offsets()[layout.fields[name].id] == layout[name].start
        assert layout[name].stop - layout[name].start == np.prod(layout.shape(name))


@pytest.mark.parametrize("relations", ["onehot", "index"])
def test_ages_and_topics_stand_in_the_order_of_the_relations(relations):
    layout = ObservationLayout.build(4, 5, 3, 2, relations, 3)
    ages = ["request_to_me", "request_by_me", "message_recency"]  # of ASKS_ME, ASKED, LAST_READ
    assert [layout[name].start - layout[ages[0]].start for name in ages] == [0, 4, 8]
    topics = [layout.fields[name].id - c.OBS_ASKS_ME for name in ("asks_me", "asked", "message_topic")]
    assert topics == [c.ASKS_ME, c.ASKED, c.LAST_READ]


def test_board_is_the_same_for_all_agents():
    rng = np.random.default_rng(4)
    env = random_env(rng, agents=4)
    env.restore(random_snapshot(env, rng))
    rows, size = env.batch.observations[0], env.layout.board_size
    assert (rows[:, :size] == rows[0, :size]).all()
    assert env.layout["own_debt"].start == size


@pytest.mark.parametrize("relations", ["onehot", "index"])
def test_facts_stand_at_the_end_and_change_nothing_before(relations):
    plain, layout = (ObservationLayout.build(4, 5, 3, 2, relations, facts) for facts in (0, 3))
    assert layout["known_fact"].stop == layout.size == plain.size + 15
    assert layout.board_size == plain.board_size
    assert plain.shape("known_fact") == (5, 0)
    for name in set(plain) - {"known_fact"}:
        assert layout[name] == plain[name]


def two_workers(relations="onehot"):
    """Three agents, two subtasks of 2.5 and 7 h; the second needs the first."""
    subtasks = (Subtask("a", "data", 2.5, 0.8), Subtask("b", "backend", 7.0, 1.9, ("a",)))
    team = Team(((0.4,) * 5, (0.3, 0.4, 1.0, 0.4, 0.4), (0.9, 0.4, 0.2, 0.4, 0.4)))
    env = parallel_env(Workflow("w", "simple", subtasks), team=team, relations=relations, max_agents=5, max_subtasks=4)
    env.reset(seed=0)
    return env


def read(env, observations, i, name):
    return env.layout.read(observations[env.possible_agents[i]], name)


@pytest.mark.parametrize(("speech", "latency"), [(c.CHAT_ASK, 1), (c.EMAIL_ASK, 2)])
@pytest.mark.parametrize("recipient", [2, 5])
def test_own_question_is_visible_at_once(speech, latency, recipient):
    env = two_workers("index")
    observations, *_ = step(env, np.array([WAIT, [0, speech, recipient, 1], WAIT]))
    for age in range(-latency, 3):
        wanted = [1 if recipient == 5 else -1, -1, 1, -1, -1]
        assert read(env, observations, 1, "asked").tolist() == wanted
        assert read(env, observations, 1, "request_by_me")[2] == max(0, age)
        assert read(env, observations, 2, "asks_me")[1] == (1 if age >= 0 else -1)
        assert read(env, observations, 2, "request_to_me")[1] == max(-1, age)
        observations, *_ = step(env, np.array([WAIT] * 3))


def act(env, *actions):
    """Step with the actions of the first agents; the others wait."""
    return step(env, np.array([*actions, *[WAIT] * (3 - len(actions))]))[0]


@pytest.mark.parametrize("topic", [0, 1])
def test_new_question_under_way_hides_the_open_one(topic):
    env = two_workers("index")
    for question in ([0, c.CHAT_ASK, 2, 0], WAIT, [0, c.CHAT_ASK, 2, topic]):
        observations = act(env, WAIT, question)
    assert read(env, observations, 1, "asked")[2] == topic
    assert read(env, observations, 1, "request_by_me")[2] == 0
    assert read(env, observations, 2, "asks_me")[1] == 0
    assert read(env, observations, 2, "request_to_me")[1] == 1


@pytest.mark.parametrize(("recipient", "topic", "seen"), [(1, 1, -1), (5, 1, -1), (1, 0, 1), (0, 1, 1)])
def test_request_is_hidden_once_its_answer_is_under_way(recipient, topic, seen):
    env = two_workers("index")
    act(env, WAIT, [0, c.CHAT_ASK, 2, 1])
    observations = act(env, WAIT, WAIT, [0, c.EMAIL_TELL, recipient, topic])
    assert env.snapshot()["request_topic"][1, 2] == 1
    assert read(env, observations, 2, "asks_me")[1] == seen
    assert read(env, observations, 2, "request_to_me")[1] == min(seen, 0)
    assert read(env, observations, 1, "asked")[2] == 1


def test_read_gives_natural_units():
    env = two_workers()
    observations, *_ = step(env, np.array([[0, c.ASSIGN, 1, 0], [1, c.MEET, 2, 1], WAIT]))
    manager, worker = (observations[a] for a in env.agents[:2])
    assert env.layout.read(manager, "effort") == pytest.approx([2.5, 7.0, 0, 0], abs=1e-5)
    assert env.layout.read(manager, "complexity") == pytest.approx([0.8, 1.9, 0, 0], abs=1e-6)
    assert env.layout.read(manager, "prerequisites_left").tolist() == [0, 1, 0, 0]
    assert env.layout.read(manager, "dependents_left").tolist() == [1, 0, 0, 0]
    assert env.layout.read(manager, "own_index").tolist() == [0]
    assert env.layout.read(manager, "owner")[0].tolist() == [False, True, False, False, False]
    assert env.layout.read(manager, "own_role").tolist() == [True]
    assert env.layout.read(worker, "own_index").tolist() == [1]
    assert env.layout.read(observations["worker_2"], "message_recency").tolist() == [-1, 0, -1, -1, -1]
    assert env.layout.read(observations["worker_2"], "message_speech")[1].tolist() == [False] * 4 + [True, False]


def test_read_gives_debt_in_hours():
    env = two_workers()
    snapshot = env.snapshot()
    snapshot["debt"] = np.array([0.0, 1.25, 0.4])
    observations, _ = env.restore(snapshot)
    debts = [float(read(env, observations, i, "own_debt")[0]) for i in range(3)]
    assert debts == pytest.approx([0, 1.25, 0.4], abs=1e-5)


def test_read_inverts_every_index():
    env = two_workers("index")
    observations, *_ = step(env, np.array([[0, c.ASSIGN, 2, 1], [1, c.SILENT, 0, 0], WAIT]))
    assert read(env, observations, 0, "owner").tolist() == [1, 2, -1, -1]
    assert read(env, observations, 0, "working_on").tolist() == [-1, 0, -1, -1, -1]
    observations, *_ = step(env, np.array([WAIT] * 3))
    assert read(env, observations, 2, "message_topic").tolist() == [1, -1, -1, -1, -1]
    assert read(env, observations, 2, "own_index").tolist() == [2]


def test_interface_holders_are_the_latest_three():
    needed = tuple(Subtask(f"s{k}", "data", 1.0, 1.0) for k in range(5))
    last = Subtask("last", "data", 1.0, 1.0, tuple(s.id for s in needed))
    env = parallel_env(Workflow("w", "simple", (*needed, last)), 5, relations="index")
    env.reset(seed=0)
    snapshot = env.snapshot()
    snapshot |= {"t": np.array(9), "subtasks_left": np.array(1), "remaining": np.array([0.0] * 5 + [1.0])}
    snapshot |= {"prerequisites_left": np.zeros(6, dtype=int), "dependents_left": np.array([1] * 5 + [0])}
    snapshot["status"] = np.array([c.DONE] * 5 + [c.READY])
    snapshot["done"] = snapshot["status"] == c.DONE
    snapshot["owner"] = np.array([2, 1, 3, 4, 2, -1])
    for steps, wanted in (([3, 3, 9, 5, 5], [3, 4, 2]), ([3, 3, 1, 2, 1], [2, 1, 4]), ([5, 6, 6, 6, 5], [1, 3, 4])):
        snapshot["finished_step"] = np.array([*steps, -1])
        observations, _ = env.restore(snapshot)
        assert read(env, observations, 0, "interface_holders")[5].tolist() == wanted


# --- relations ---------------------------------------------------------------------------------------------------

RELATIONS = ("owner", "working_on", "asks_me", "asked", "message_topic")  # with at most one partner each


def relation_from_state(env, name, i):
    """A relation bool [K, A] of agent i, read off the state of the batch and not off the observation."""
    batch, state, n = env.batch, env.batch.state, env.batch.num_agents
    table = np.zeros((batch.max_subtasks, batch.max_agents), dtype=bool)
    if name == "owner":
        for k, agent in enumerate(state.owner[0]):
            if agent >= 0:
                table[k, agent] = True
        return table
    by_agent = {
        "working_on": batch.out.shown_work[0],
        "asks_me": batch.out.shown_topic[0, i, :, c.ASKS_ME],
        "asked": batch.out.shown_topic[0, i, :, c.ASKED],
        "message_topic": batch.out.shown_topic[0, i, :, c.LAST_READ],
    }[name]
    for agent, k in enumerate(by_agent[:n]):
        if k >= 0:
            table[k, agent] = True
    return table


@pytest.mark.parametrize("relations", ["onehot", "index"])
@pytest.mark.parametrize("seed", range(4))
def test_relations_read_alike_in_both_forms(relations, seed):
    rng = np.random.default_rng(seed)
    env = random_env(rng, relations=relations, **PADDED)
    env.restore(random_snapshot(env, rng))
    observations = env.batch.observations[0]
    seen = 0
    for name in RELATIONS:
        read = env.layout.relation(observations, name)
        assert read.shape == (env.batch.num_agents, env.batch.max_subtasks, env.batch.max_agents)
        for i in range(env.batch.num_agents):
            expected = relation_from_state(env, name, i)
            np.testing.assert_array_equal(read[i], expected, err_msg=name)
            seen += expected.sum()
    assert seen > 0


@pytest.mark.parametrize("relations", ["onehot", "index"])
def test_relations_of_a_part_and_of_tensors_are_the_same(relations):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(9)
    env = random_env(rng, relations=relations, **PADDED)
    env.restore(random_snapshot(env, rng))
    layout, rows = env.layout, env.batch.observations[0]
    split = layout.board_size
    for name, part, start in (("interface_holders", rows[:, :split], 0), ("asked", rows[:, split:], split)):
        whole = layout.relation(rows, name)
        np.testing.assert_array_equal(layout.relation(part, name, start=start), whole)
        tensor = layout.relation(torch.from_numpy(part.copy()), name, start=start, arange=torch.arange)
        np.testing.assert_array_equal(tensor.numpy(), whole)
