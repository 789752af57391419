"""TorchRL: `PettingZooWrapper` takes masks, infos and the global state as tensors; PPO learns on them.

pip install torchrl==0.14.1
python tests/consumers/torchrl_ppo.py
"""

import torch
from tensordict.nn import TensorDictModule
from torch import nn
from torch.nn.utils import parameters_to_vector
from torchrl.collectors import Collector
from torchrl.envs import PettingZooWrapper
from torchrl.envs.utils import MarlGroupMapType, check_env_specs
from torchrl.modules import MaskedCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss

from c2c_env import parallel_env

STEPS, UPDATES = 64, 3


def make_env():
    return PettingZooWrapper(
        parallel_env("simple", team_size=5, preset="torchrl"),
        use_mask=True,
        return_state=True,
        group_map=MarlGroupMapType.ALL_IN_ONE_GROUP,
        seed=0,
    )


env = make_env()
check_env_specs(env)
size, actions = (
    env.full_observation_spec["agents", "observation"].shape[-1],
    env.full_action_spec["agents", "action"].n,
)


def trained():
    """Train for a few updates; return the weights, what was counted, and the last rollout."""
    torch.manual_seed(0)
    # one network for all agents; what the mask forbids has no probability
    hidden = nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, actions))
    actor = ProbabilisticActor(
        TensorDictModule(hidden, [("agents", "observation")], [("agents", "logits")]),
        in_keys={"logits": ("agents", "logits"), "mask": ("agents", "action_mask")},
        out_keys=[("agents", "action")],
        distribution_class=MaskedCategorical,
        return_log_prob=True,
        log_prob_key=("agents", "log_prob"),
    )
    critic = ValueOperator(
        nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, 1)), [("agents", "observation")],
        out_keys=[("agents", "state_value")],
    )  # fmt: skip
    loss = ClipPPOLoss(actor, critic)
    loss.set_keys(
        action=("agents", "action"), sample_log_prob=("agents", "log_prob"), value=("agents", "state_value"),
        reward=("agents", "reward"), done=("agents", "done"), terminated=("agents", "terminated"),
    )  # fmt: skip
    loss.make_value_estimator(gamma=0.99, lmbda=0.95)
    optimizer = torch.optim.Adam(loss.parameters(), 3e-4)

    counted = {"illegal": 0, "ends": 0}
    for played in Collector(make_env(), actor, frames_per_batch=STEPS, total_frames=STEPS * UPDATES):
        after = played["next", "agents"]
        counted["illegal"] += int(after["info", "invalid_action"].sum())
        counted["ends"] += int((after["terminated"] | after["truncated"]).any(dim=-2).sum())
        with torch.no_grad():
            loss.value_estimator(
                played, params=loss.critic_network_params, target_params=loss.target_critic_network_params
            )
        for _ in range(2):
            parts = loss(played)
            optimizer.zero_grad()
            (parts["loss_objective"] + parts["loss_critic"] + parts["loss_entropy"]).backward()
            optimizer.step()
    return parameters_to_vector(loss.parameters()).detach(), counted, played


weights, counted, played = trained()
assert counted["illegal"] == 0, counted
assert played["state"].shape[-1] == parallel_env("simple", team_size=5).state_space.shape[0]
assert torch.equal(weights, trained()[0]), "equal seeds, other weights"
print(f"torchrl: {STEPS * UPDATES} steps, {counted['illegal']} illegal actions, {counted['ends']} ends")
