"""TRL: GRPO on one seat whose model plays by a tool, with a tiny random model that is made here.

pip install torch==2.13.0 trl==1.16.0 transformers==5.24.0
python tests/consumers/trl_grpo.py
"""

import functools
import math
import sys
from pathlib import Path

import torch
from torch.nn.utils import parameters_to_vector

sys.path.insert(0, str(Path(__file__).parents[2] / "integrations" / "trl"))

from train_seat import make_trainer, parse

from agents.language.trl_seat import TrlSeat

STEPS, ROLLOUTS, CALLS = 3, 2, 4  # as the settings for trying it say


def main():
    acted, answers = TrlSeat.act, []

    @functools.wraps(acted)  # with its name, docstring and types, which the model is shown
    def noted(self, **arguments):
        answers.append(acted(self, **arguments))
        return answers[-1]

    torch.set_num_threads(2)
    trainer = make_trainer(parse(["--smoke", "--tasks", "8"]))
    for seat in trainer._environment_pool[None]:
        type(seat).act = noted
    before = parameters_to_vector(trainer.model.parameters()).detach().clone()
    trainer.train()
    change = (parameters_to_vector(trainer.model.parameters()) - before).abs().max().item()
    rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    done = sum(answer.startswith("Done") for answer in answers)
    assert len(rewards) == STEPS
    assert all(math.isfinite(reward) for reward in rewards)
    assert len(answers) == STEPS * ROLLOUTS * CALLS, len(answers)  # so many times did the model call the tool
    assert done, answers
    assert change > 0.0
    print(f"{len(answers)} calls of the tool, {done} of them legal, rewards {rewards}, weights changed by {change:.1e}")


if __name__ == "__main__":
    main()
