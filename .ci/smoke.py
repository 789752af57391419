"""One episode with the installed wheel and its four dependencies."""

import importlib.util

import c2c_env

for name in ("agents", "training", "pandas", "matplotlib", "torch"):
    if importlib.util.find_spec(name):
        raise SystemExit(f"{name} can be imported, so this is no test of the bare wheel")

env = c2c_env.parallel_env("rest-api-rate-limiting", team_size=5, render_mode="ansi")
observations, infos = env.reset(seed=0)
while env.agents:
    actions = {agent: env.action_space(agent).sample(infos[agent]["action_mask"]) for agent in env.agents}
    observations, rewards, terminations, truncations, infos = env.step(actions)
print(env.render())
print(f"smoke episode of c2c-env {c2c_env.__version__}: {infos['manager_0']['episode_metrics']['steps']:.0f} steps")
