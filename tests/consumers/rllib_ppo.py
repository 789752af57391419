"""RLlib: `ParallelPettingZooEnv` with RLlib's own masking module; manager and workers learn a policy each.

pip install "ray[rllib]==2.60.0"
python tests/consumers/rllib_ppo.py
"""

from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
from ray.tune.registry import register_env

from c2c_env import parallel_env


class Counting(ParallelPettingZooEnv):
    """Counts illegal actions."""

    actions = illegal = 0

    def step(self, actions):
        results = super().step(actions)
        self.actions += len(actions)
        self.illegal += sum(info["invalid_action"] for info in results[-1].values())
        return results


register_env("c2c", lambda _: Counting(parallel_env("simple", team_size=5, preset="rllib")))
module = RLModuleSpec(
    module_class=ActionMaskingTorchRLModule, model_config={"head_fcnet_hiddens": [64], "fcnet_hiddens": [64]}
)
config = (
    PPOConfig()
    .environment("c2c")
    .env_runners(num_env_runners=0)
    .multi_agent(
        policies={"manager", "worker"},
        policy_mapping_fn=lambda agent, *args, **kwargs: agent.partition("_")[0],
    )
    .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={"manager": module, "worker": module}))
    .training(train_batch_size=300, minibatch_size=100, num_epochs=2)
    .debugging(seed=0)
)
algorithm = config.build_algo()
for _ in range(2):
    algorithm.train()
played = algorithm.env_runner.env.envs[0].unwrapped
assert played.actions > 500, played.actions
# before it learns, RLlib checks the environment with a few random actions, which know no mask
assert played.illegal <= 5, played.illegal
print(f"rllib: {played.actions} actions, {played.illegal} illegal (of RLlib's own check)")
algorithm.stop()
