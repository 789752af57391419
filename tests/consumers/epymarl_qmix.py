"""EPyMARL: QMIX and MAPPO with masks and the global state, through its own `main.py`.

git clone https://github.com/uoe-agents/epymarl
pip install torch==2.13.0 sacred==0.8.7 einops==0.8.2 setuptools==79.0.1
EPYMARL=epymarl python tests/consumers/epymarl_qmix.py
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = 400
# what a user adds to the checkout; the script adds it to a copy
REGISTERED = """
from c2c_env.adapters.epymarl import EPyMARLEnv
REGISTRY["c2c"] = EPyMARLEnv
"""
SETTINGS = """
env: "c2c"
env_args:
  key: "simple"
  team_size: 5
  horizon: 60
test_interval: 1000000
log_interval: 100
runner_log_interval: 100
learner_log_interval: 100
use_cuda: False
"""


def train(algorithm, *extra):
    """Train; return what EPyMARL wrote into its log, a list for each name."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(Path(os.environ["EPYMARL"]) / "src", Path(folder) / "src")
        with (Path(folder) / "src/envs/__init__.py").open("a", encoding="utf-8") as file:
            file.write(REGISTERED)
        (Path(folder) / "src/smaclite.py").touch()  # it imports this one, which is on no package index, in any case
        (Path(folder) / "src/config/envs/c2c.yaml").write_text(SETTINGS, encoding="utf-8")
        command = [sys.executable, "src/main.py", f"--config={algorithm}", "--env-config=c2c", "with", "seed=0"]
        subprocess.run([*command, f"t_max={STEPS}", *extra], cwd=folder, check=True)
        (metrics,) = Path(folder).glob("results/sacred/*/*/*/metrics.json")
        return {name: log["values"] for name, log in json.loads(metrics.read_text(encoding="utf-8")).items()}


for algorithm, extra in (("qmix", ("batch_size=2", "buffer_size=8")), ("mappo", ("batch_size_run=2", "batch_size=2"))):
    log, again = train(algorithm, *extra), train(algorithm, *extra)
    assert set(log["invalid_actions_mean"]) == {0}, log
    assert any(log["episode_limit_mean"]), log
    assert any(name.endswith("loss") for name in log), log
    assert log["return_mean"] == again["return_mean"], "equal seeds, other returns"
    print(f"epymarl {algorithm}: {STEPS} steps, {sum(log['invalid_actions_mean']):.0f} illegal")
