"""BenchMARL: MAPPO and QMIX on `C2CTask`, with masks and the global state, one group or one for each role.

pip install benchmarl==1.5.2 torchvision==0.28.0
python tests/consumers/benchmarl_mappo.py
"""

import tempfile

import torch
from benchmarl.algorithms import MappoConfig, QmixConfig
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from torch.nn.utils import parameters_to_vector

from c2c_env.adapters.benchmarl import C2CTask


class Counting(Callback):
    """Counts actions and illegal ones."""

    def __init__(self):
        super().__init__()
        self.actions = self.illegal = self.ends = 0

    def on_batch_collected(self, batch):
        for group in self.experiment.group_map:
            after = batch["next", group]
            self.actions += after["info", "invalid_action"].numel()
            self.illegal += int(after["info", "invalid_action"].sum())
            self.ends += int(torch.isfinite(after["info", "metric_steps"]).any(dim=-1).sum())


def settings(folder):
    config = ExperimentConfig.get_from_yaml()
    config.max_n_iters, config.loggers, config.create_json, config.save_folder = 2, [], False, folder
    config.evaluation, config.checkpoint_at_end = False, False
    config.on_policy_collected_frames_per_batch = config.off_policy_collected_frames_per_batch = 200
    config.on_policy_n_minibatch_iters = config.off_policy_n_optimizer_steps = 2
    config.on_policy_n_envs_per_worker = config.off_policy_n_envs_per_worker = 2
    config.on_policy_minibatch_size = config.off_policy_train_batch_size = 100
    return config


def trained(algorithm, grouping):
    """Train for two iterations; return what was counted, and the weights of the policy."""
    counting = Counting()
    model = MlpConfig(num_cells=[32], activation_class=torch.nn.Tanh, layer_class=torch.nn.Linear)
    with tempfile.TemporaryDirectory() as folder:
        experiment = Experiment(
            task=C2CTask.SIMPLE.get_task({"team_size": 5, "horizon": 60, "grouping": grouping}),
            algorithm_config=algorithm.get_from_yaml(),
            model_config=model,
            critic_model_config=model,
            seed=0,
            config=settings(folder),
            callbacks=[counting],
        )
        experiment.run()
    return counting, parameters_to_vector(experiment.policy.parameters()).detach()


for algorithm, grouping in ((MappoConfig, "team"), (MappoConfig, "role"), (QmixConfig, "team")):
    counting, weights = trained(algorithm, grouping)
    assert counting.illegal == 0, counting.illegal
    assert counting.actions == 2 * 200 * 5
    assert counting.ends > 0
    if grouping == "role":
        assert torch.equal(weights, trained(algorithm, grouping)[1]), "equal seeds, other weights"
    name = algorithm.__name__.removesuffix("Config").lower()
    print(f"benchmarl {name}, groups by {grouping}: {counting.actions} actions, {counting.illegal} illegal")
