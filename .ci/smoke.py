"""Episodes with the installed wheel and its four dependencies, of its own workflows and of one that was imported."""

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

for name in c2c_env.real_names():
    c2c_env.parallel_env(name, team_size=5).reset(seed=0)
c2c_env.parallel_env("tasks.toml", team_size=3).reset(seed=0)
print(f"{len(c2c_env.real_names())} real task graphs, and one that c2c-env imported")
