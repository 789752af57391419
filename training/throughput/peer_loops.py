"""Other multi-agent environments beside which the throughput is measured; a function makes the loop of each.

Nothing of this package is imported here: peers are best installed in virtual environments of their own, named with
``--peers-python``. They were run on Python 3.11, in three such environments, with

    torch==2.13.0 (first) mpe2==1.1.1 SuperSuit==3.11.0 lbforaging==2.0.0 rware==2.0.0 vmas==1.5.2
    jaxmarl==0.2.0 jax==0.10.2
    overcooked-ai==1.1.0 numpy==1.26.4 scipy==1.16.3

The rules are those of the package's own rows: random actions drawn outside the clock, new episodes started inside.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from training.throughput.clock import Loop

STEPS_A_SCAN = 50  # that JaxMARL takes in one compiled call
MPE_STEPS = 25  # of an episode of the particle environments
OVERCOOKED_STEPS = 400


class Peer(NamedTuple):
    """A row: its name, the function here that makes its loop, that function's arguments, whose versions are told."""

    label: str
    maker: str
    arguments: dict[str, Any]
    packages: tuple[str, ...]


def peer_rows() -> Iterator[tuple[str, Peer]]:
    """Every row with the name by which it is chosen."""
    scenarios = ("simple_spread", "simple_reference")
    for name in scenarios:
        yield "mpe2", Peer(f"MPE2 {name}", "mpe2", {"scenario": name}, ("mpe2", "pettingzoo"))
    for name in scenarios:
        arguments = {"scenario": name, "copies": 8}
        yield "supersuit", Peer(f"SuperSuit, MPE2 {name}", "supersuit", arguments, ("supersuit", "mpe2"))
    yield "overcooked", Peer("Overcooked-AI cramped_room", "overcooked", {}, ("overcooked-ai", "numpy"))
    for name, label, task in (
        ("lbforaging", "LB-Foraging 8x8, 3 foods", "Foraging-8x8-3p-3f-v3"),
        ("rware", "RWARE tiny", "rware-tiny-4ag-v2"),
    ):
        yield name, Peer(label, "gymnasium_env", {"package": name, "task": task}, (name, "gymnasium"))
    for name, count in itertools.product(scenarios, (1, 4096)):
        yield "vmas", Peer(f"VMAS {name}", "vmas", {"scenario": name, "num_envs": count}, ("vmas", "torch"))
    for name in scenarios:
        arguments = {"scenario": f"MPE_{name}_v3", "num_envs": 4096}
        yield "jaxmarl", Peer(f"JaxMARL {name}", "jaxmarl", arguments, ("jaxmarl", "jax"))


PEER_NAMES = tuple(dict.fromkeys(name for name, _ in peer_rows()))


def size_of(observations: Sequence[Any]) -> int:
    """The bytes of arrays."""
    return sum(int(one.nbytes) for one in observations)


def mpe2(scenario: str) -> Loop:
    """Make the loop of MPE2 behind PettingZoo's interface."""
    env = importlib.import_module(f"mpe2.{scenario}_v3").parallel_env(max_cycles=MPE_STEPS)
    observations, _ = env.reset(seed=0)

    def step(actions: dict[str, Any]) -> None:
        env.step(actions)
        if not env.agents:
            env.reset()

    def choose() -> dict[str, Any]:
        return {agent: env.action_space(agent).sample() for agent in env.agents}

    return Loop(len(env.possible_agents), 1, size_of(list(observations.values())), choose, step)


def supersuit(scenario: str, copies: int) -> Loop:
    """Make the loop of MPE2 environments that SuperSuit steps one after the other and resets itself."""
    import numpy as np
    import supersuit

    env = importlib.import_module(f"mpe2.{scenario}_v3").parallel_env(max_cycles=MPE_STEPS)
    agents = len(env.possible_agents)
    single = supersuit.pettingzoo_env_to_vec_env_v1(env)
    envs = supersuit.concat_vec_envs_v1(single, copies, num_cpus=1, base_class="gymnasium")
    observations, _ = envs.reset(seed=0)
    generator = np.random.default_rng(0)

    def choose() -> Any:
        return generator.integers(envs.action_space.n, size=copies * agents)

    return Loop(agents, copies, observations.nbytes // copies, choose, envs.step)


def overcooked() -> Loop:
    """Make the loop of Overcooked-AI, with the encoded state that its learners see as the observation."""
    import numpy as np
    from overcooked_ai_py.mdp.actions import Action
    from overcooked_ai_py.mdp.overcooked_env import OvercookedEnv
    from overcooked_ai_py.mdp.overcooked_mdp import OvercookedGridworld

    mdp = OvercookedGridworld.from_layout_name("cramped_room")
    env = OvercookedEnv.from_mdp(mdp, horizon=OVERCOOKED_STEPS, info_level=0)
    env.reset()
    generator = np.random.default_rng(0)

    def choose() -> list[Any]:
        return [Action.ALL_ACTIONS[n] for n in generator.integers(len(Action.ALL_ACTIONS), size=2)]

    def step(actions: list[Any]) -> None:
        state, _, done, _ = env.step(actions)
        mdp.lossless_state_encoding(state, OVERCOOKED_STEPS)
        if done:
            env.reset()

    return Loop(2, 1, size_of(mdp.lossless_state_encoding(env.state, OVERCOOKED_STEPS)), choose, step)


def gymnasium_env(package: str, task: str) -> Loop:
    """Make the loop of an environment of a package that registers with Gymnasium."""
    importlib.import_module(package)
    import gymnasium

    env: Any = gymnasium.make(task, disable_env_checker=True)
    observations, _ = env.reset(seed=0)

    def step(actions: Any) -> None:
        _, _, terminated, truncated, _ = env.step(actions)
        if terminated or truncated:
            env.reset()

    return Loop(len(observations), 1, size_of(observations), env.action_space.sample, step)


def vmas(scenario: str, num_envs: int) -> Loop:
    """Make the loop of VMAS; its episodes all end together."""
    import vmas

    env = vmas.make_env(scenario, num_envs, continuous_actions=False, max_steps=MPE_STEPS, seed=0)
    observations = env.reset()

    def choose() -> list[Any]:
        return [env.get_random_action(agent) for agent in env.agents]

    def step(actions: list[Any]) -> None:
        done = env.step(actions)[2]
        if bool(done[0]):
            env.reset()

    return Loop(len(env.agents), num_envs, size_of(observations) // num_envs, choose, step)


def jaxmarl(scenario: str, num_envs: int) -> Loop:
    """Make the loop of JaxMARL: many steps in one compiled call, which starts new episodes itself."""
    import jax
    from jaxmarl import make

    env = make(scenario)
    observations, states = jax.vmap(env.reset)(jax.random.split(jax.random.key(0), num_envs))
    keys = itertools.count(1)

    def draw(key: Any) -> Any:
        shape = (STEPS_A_SCAN, num_envs)
        return {
            agent: jax.random.randint(one, shape, 0, env.action_space(agent).n)
            for agent, one in zip(env.agents, jax.random.split(key, len(env.agents)), strict=True)
        }

    def scan(states: Any, key: Any, actions: Any) -> Any:
        def one_step(states: Any, given: Any) -> Any:
            key, chosen = given
            seen, states, rewards, _, _ = jax.vmap(env.step)(jax.random.split(key, num_envs), states, chosen)
            return states, (seen, rewards)  # handed out, or the compiler would leave the observations out

        return jax.lax.scan(one_step, states, (jax.random.split(key, STEPS_A_SCAN), actions))

    compiled_draw, compiled_scan = jax.jit(draw), jax.jit(scan)

    def step(actions: Any) -> None:
        nonlocal states
        states, _ = jax.block_until_ready(compiled_scan(states, jax.random.key(next(keys)), actions))

    def choose() -> Any:
        return jax.block_until_ready(compiled_draw(jax.random.key(next(keys))))

    size = size_of(list(observations.values())) // num_envs
    return Loop(len(env.agents), num_envs, size, choose, step, STEPS_A_SCAN)
