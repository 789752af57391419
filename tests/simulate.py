"""Random workflows, teams, actions and states, for the simulator's tests."""

from __future__ import annotations

import numpy as np
from reference import ReferenceEnv, ReferenceSubtask

from c2c_env import Subtask, Team, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.core import rng as counter
from c2c_env.envs.snapshots import DERIVED
from c2c_env.workflows import DOMAINS

STREAMS = {
    "volatility": c.STREAM_VOLATILITY,
    "rework": c.STREAM_REWORK,
    "fact": c.STREAM_FACT,
}
TELLS_AND_MEET = (c.CHAT_TELL, c.EMAIL_TELL, c.MEET)
MAIL = [("speech", "i1"), ("recipient", "i2"), ("topic", "i2"), ("symbol", "i2")]
MAIL += [("facets", "f8", (4,)), ("factor", "f8")]
UNEQUAL_WEIGHTS = ((1.0, 0.0, 0.0, 0.0), (0.1, 5.0, 0.3, 0.6), (0.0, 0.0, 2.0, 1.0))


def effort(rng, place, milestones):
    """Hours, some of them few, and 0 for the share of `milestones`, but never for the first subtask."""
    if milestones and place and rng.random() < milestones:
        return 0.0
    return float(rng.choice([0.5, 1.0, 2.5, rng.uniform(0.1, 3.0)]))


def random_workflow(rng, most=12, tier="complex", milestones=0.0, domains=DOMAINS):
    """A random DAG whose prerequisites may have higher indices than their dependents."""
    order = rng.permutation(int(rng.integers(1, most + 1)))
    subtasks = {}
    for place, k in enumerate(order):
        wanted = rng.permutation(order[:place])[: int(rng.integers(0, 4))]
        subtasks[k] = Subtask(
            id=f"s{k}",
            domain=domains[int(rng.integers(0, len(domains)))],
            effort=effort(rng, place, milestones),
            complexity=float(rng.uniform(0.75, 2.5)),
            prerequisites=tuple(f"s{p}" for p in wanted),
            facet_weights=UNEQUAL_WEIGHTS[int(rng.integers(0, 3))] if rng.random() < 0.3 else None,
        )
    return Workflow("random", tier, tuple(subtasks[k] for k in sorted(subtasks)), domains=domains)


def random_team(rng, size, num_domains=5):
    """Skills with many ties."""
    skills = rng.choice([0.2, 0.4, 0.7, 1.0], size=(size, num_domains))
    if rng.random() < 0.3:
        skills[rng.integers(0, size)] = rng.uniform(0.05, 1.0, size=num_domains)
    return Team(tuple(map(tuple, skills.tolist())))


def random_env(rng, agents=4, subtasks=6, seed=None, milestones=0.0, domains=DOMAINS, **fields):
    """A started environment of a random workflow and team."""
    workflow = random_workflow(rng, subtasks, milestones=milestones, domains=domains)
    team = random_team(rng, agents, len(domains))
    env = parallel_env(workflow, team=team, **fields)
    env.reset(seed=int(rng.integers(0, 2**40)) if seed is None else seed)
    return env


def reference_of(env):
    """The plain reference of a started environment, with the same random numbers."""
    batch, config = env.batch, env.config
    workflow, key = batch.workflow(), batch.state.key[0]

    def uniform(stream, t, index):
        with np.errstate(over="ignore"):
            return float(counter.uniform(key, STREAMS[stream], t, index))

    prerequisites = workflow.prerequisite_indices()
    subtasks = [
        ReferenceSubtask(
            s.effort, workflow.domains.index(s.domain), s.complexity, tuple(p), s.weights(config.facet_weights)
        )
        for s, p in zip(workflow.subtasks, prerequisites, strict=True)
    ]
    return ReferenceEnv(
        subtasks,
        [list(row) for row in env.team.skills],
        volatility=config.volatility,
        rework_probability=config.rework_probability,
        dt=config.dt,
        horizon=config.horizon,
        uniform=uniform,
        reward_weights=config.reward_weights,
        exclusive_actions=config.exclusive_actions,
        hidden_facts=config.hidden_facts,
    )


def sample_space(env, rng):
    """Uniform in the action space, legal or not: [N, parts]."""
    return rng.integers(0, env.batch.action_sizes, size=(env.batch.num_agents, len(env.batch.action_sizes)))


def sample_legal(env, rng):
    """Uniform among the legal choices of each part: [N, parts]."""
    ends = np.cumsum(env.batch.action_sizes)
    parts = np.split(env.batch.action_masks[0], ends[:-1], axis=1)
    return np.array([[rng.choice(np.flatnonzero(part[i])) for part in parts] for i in range(env.batch.num_agents)])


def sample_useful(env, reference, rng):
    """Work on what is ready, answer requests, now and then ask, meet or assign: [N, parts]."""
    chosen = [useful_action(reference, i, rng) for i in reference.agents]
    symbols = [0] if env.config.vocab_size else []
    actions = np.array([[*action, *symbols, *useful_variant(reference, action, rng)] for action in chosen])
    actions[actions[:, 2] == reference.team, 2] = env.batch.max_agents
    return actions


def useful_variant(reference, action, rng):
    """A list with the wanted variant, seldom another one; an empty one without variants."""
    if not reference.hidden_facts:
        return []
    return [int(rng.integers(reference.hidden_facts)) if rng.random() < 0.3 else reference.fact[action[0] - 1]]


def useful_action(reference, i, rng):
    """One agent's action in the reference's terms."""
    unfinished = [k for k in reference.topics if not reference.done[k]]
    ready = [k for k in unfinished if reference.is_ready(k)]
    mine = [k for k in ready if reference.owner[k] == i] or ready
    work = int(rng.choice(mine)) + 1
    others = [j for j in reference.agents if j != i]
    asked = [j for j in others if reference.request_topic[j][i] in unfinished]
    if asked and rng.random() < 0.6:
        j = int(rng.choice(asked))
        return work, int(rng.choice(TELLS_AND_MEET)), j, reference.request_topic[j][i]
    if not others or rng.random() < 0.8:
        return work, c.SILENT, 0, 0
    speeches = [c.CHAT_ASK, c.EMAIL_ASK, c.CHAT_ASK, c.EMAIL_ASK, *TELLS_AND_MEET] + [c.ASSIGN] * (i == 0)
    return work, int(rng.choice(speeches)), int(rng.choice([*others, reference.team])), int(rng.choice(unfinished))


def step(env, actions):
    """Step with an array [N, parts]."""
    rows = actions[:, 0] if env.config.action_format == "discrete" else actions
    return env.step(dict(zip(env.agents, rows, strict=True)))


def arrays_of(batch):
    """Every array of the state and the outputs."""
    return {**batch.state._asdict(), **batch.out._asdict()}


def assert_same_bits(one, other, rows=slice(None), other_rows=slice(None), restored=False):
    """Two batches agree in every byte of the given rows; after a restore but for what only a step leaves behind."""
    others = arrays_of(other)
    for name, array in arrays_of(one).items():
        if name != "workflow" and not (restored and name in DERIVED - {"alignment"}):  # a place in the packed arrays
            assert array[rows].tobytes() == others[name][other_rows].tobytes(), name


def random_snapshot(env, rng):
    """A legal state that no episode need have led to: anything within its range."""
    snapshot = env.snapshot()
    p, workflow = env.batch.params, env.batch.workflow()
    n, count = env.batch.num_agents, len(workflow.subtasks)
    effort = np.array([s.effort for s in workflow.subtasks])
    prerequisites = workflow.prerequisite_indices()
    done = _random_done(prerequisites, rng)
    t = int(rng.integers(1, p.horizon[0] + 1))
    needs = np.zeros((count, count), dtype=bool)
    for k, wanted in enumerate(prerequisites):
        needs[k, wanted] = True
    left = (needs & ~done).sum(axis=1)
    snapshot["t"] = np.array(t)
    snapshot["done"] = done
    snapshot["status"] = np.where(done, c.DONE, np.where(left == 0, c.READY, c.BLOCKED))
    snapshot["prerequisites_left"] = left
    snapshot["dependents_left"] = (needs & ~done[:, None]).sum(axis=0)
    snapshot["subtasks_left"] = np.array((~done).sum())
    snapshot["terminated"], snapshot["truncated"] = np.array(0), np.array(int(t == p.horizon[0]))
    snapshot["remaining"] = np.where(done, 0.0, effort * rng.uniform(0.0, 1.0, count).clip(1e-3))
    snapshot["owner"] = np.where(done, rng.integers(0, n, count), rng.integers(-1, n, count))
    snapshot["finished_step"] = np.where(done, rng.integers(max(1, t - 2), t + 1, count), -1)  # with ties
    snapshot["finish_alignment"] = np.where(done, rng.uniform(0.01, 1.0, count), 0.0)
    snapshot["worked_hours"] = rng.uniform(0.1, 5.0, count)
    snapshot["aligned_hours"] = snapshot["worked_hours"] * rng.uniform(0.01, 1.0, count)
    snapshot["understanding"] = rng.choice([0.0, 1.0, 0.5], (n, count, 4)) * rng.uniform(0, 1, (n, count, 4))
    if p.hidden_facts:
        snapshot["knows"] = rng.integers(0, 2, (n, count))
    snapshot["debt"] = rng.choice([0.0, 0.05, 0.45, 1.3], n)
    snapshot["last_work"] = rng.integers(-1, count, n)
    snapshot |= _random_messages(p, rng, n, count, t)
    snapshot["request_age"] = np.where(snapshot["request_topic"] >= 0, t - snapshot["request_step"], -1)
    return snapshot


def _random_done(prerequisites, rng):
    """A random set that holds the prerequisites of its members, and not everything."""
    done = np.zeros(len(prerequisites), dtype=bool)
    for _ in prerequisites[1:]:
        ready = [k for k, wanted in enumerate(prerequisites) if not done[k] and done[wanted].all()]
        if rng.random() < 0.6:
            done[rng.choice(ready)] = True
    return done


def _random_messages(p, rng, n, count, t):
    pairs = ~np.eye(n, dtype=bool)
    latest = max(0, t - p.request_expiry)
    mailbox = np.zeros((p.max_latency, n), dtype=MAIL)
    mailbox["speech"] = rng.choice([0, 1, 2, 3, 4], mailbox.shape) if n > 1 else 0
    mailbox["recipient"] = (np.arange(n) + rng.integers(1, max(2, n), mailbox.shape)) % n
    mailbox["recipient"][rng.random(mailbox.shape) < 0.2] = p.max_agents
    mailbox["topic"] = rng.integers(0, count, mailbox.shape)
    mailbox["symbol"] = rng.integers(0, max(1, p.vocab_size), mailbox.shape)
    mailbox["facets"] = rng.uniform(0.0, 1.0, (*mailbox.shape, 4))
    mailbox["factor"] = rng.choice([1.0, 0.3, 0.0], mailbox.shape)
    read = np.where(pairs, rng.integers(0, c.NUM_SPEECHES, (n, n)), 0)
    return {
        "mailbox": mailbox,
        "request_topic": np.where(pairs & (rng.random((n, n)) < 0.5), rng.integers(0, count, (n, n)), -1),
        "request_step": rng.integers(latest, t + 1, (n, n)),
        "read_speech": read,
        "read_topic": np.where(read > 0, rng.integers(0, count, (n, n)), -1),
        "read_symbol": rng.integers(0, max(1, p.vocab_size), (n, n)),
        "read_step": rng.integers(0, t + 1, (n, n)),
    }
