"""CleanRL's way (`ppo_pettingzoo`): one file, PPO for all agents, masks from infos.

pip install torch==2.13.0
python tests/consumers/cleanrl_ppo.py
"""

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical
from torch.nn.utils import parameters_to_vector

from c2c_env import parallel_env

STEPS, UPDATES, GAMMA, LAMBDA, CLIP = 128, 3, 0.99, 0.95, 0.2


def trained():
    """Train for a few updates; return the weights and how many actions were illegal."""
    torch.manual_seed(0)
    env = parallel_env("simple", team_size=5, preset="cleanrl")
    agents, sizes = env.possible_agents, env.action_space("manager_0").nvec.tolist()
    observed = env.observation_space("manager_0").shape[0]
    actor = nn.Sequential(nn.Linear(observed, 64), nn.Tanh(), nn.Linear(64, sum(sizes)))
    critic = nn.Sequential(nn.Linear(observed, 64), nn.Tanh(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], 3e-4)

    def parts(seen, mask):
        """The distributions of the parts of an action; what the mask forbids has no probability."""
        logits = actor(seen).masked_fill(mask == 0, -1e9)
        return [Categorical(logits=part) for part in logits.split(sizes, dim=-1)]

    def log_prob(chosen, actions):
        return sum(part.log_prob(action) for part, action in zip(chosen, actions.unbind(-1), strict=True))

    def stack(observations, infos):
        """Rows of all agents, as tensors."""
        seen = torch.as_tensor(np.stack([observations[agent] for agent in agents]))
        return seen, torch.as_tensor(np.stack([infos[agent]["action_mask"] for agent in agents]))

    illegal = 0
    seen, mask = stack(*env.reset(seed=0))
    for _ in range(UPDATES):
        kept = []
        for _ in range(STEPS):
            with torch.no_grad():
                chosen = parts(seen, mask)
                actions = torch.stack([part.sample() for part in chosen], dim=-1)
                before, value = log_prob(chosen, actions), critic(seen)[:, 0]
            observations, rewards, terminated, truncated, infos = env.step(
                dict(zip(agents, actions.numpy(), strict=True))
            )
            illegal += sum(info["invalid_action"] for info in infos.values())
            reward = torch.tensor([rewards[agent] for agent in agents])
            after, _ = stack(observations, infos)
            with torch.no_grad():  # at a time limit what would have come counts, at an end nothing does
                following = critic(after)[:, 0] * (not terminated["manager_0"])
            ended = terminated["manager_0"] or truncated["manager_0"]
            kept.append((seen, mask, actions, before, value, reward + GAMMA * following - value, ended))
            seen, mask = stack(*(env.reset() if ended else (observations, infos)))
        advantages, running = [], torch.zeros(len(agents))
        for *_, error, ended in reversed(kept):
            running = error + GAMMA * LAMBDA * running * (not ended)
            advantages.append(running)
        advantages = torch.stack(advantages[::-1]).flatten()
        *data, _, _ = zip(*kept, strict=True)
        old_seen, old_mask, old_actions, old_log_prob, old_value = (torch.stack(part).flatten(0, 1) for part in data)
        scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        for _ in range(2):
            ratio = (log_prob(parts(old_seen, old_mask), old_actions) - old_log_prob).exp()
            gain = torch.minimum(ratio * scaled, ratio.clamp(1 - CLIP, 1 + CLIP) * scaled).mean()
            missed = (critic(old_seen)[:, 0] - (advantages + old_value)).square().mean()
            optimizer.zero_grad()
            (missed - gain).backward()
            optimizer.step()
    return parameters_to_vector(actor.parameters()).detach(), illegal


weights, illegal = trained()
assert illegal == 0, illegal
assert torch.equal(weights, trained()[0]), "equal seeds, other weights"
print(f"cleanrl: {UPDATES * STEPS * 5} actions, {illegal} illegal")
