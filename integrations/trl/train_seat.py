"""Train a language model to play one seat of a team with GRPO of TRL.

python integrations/trl/train_seat.py --model Qwen/Qwen3-4B           # a model of the hub or of a folder
python integrations/trl/train_seat.py --smoke                         # a tiny random model, on processors, in a minute
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from datasets import Dataset
from tiny_model import make_tiny_model
from trl import GRPOConfig, GRPOTrainer

from c2c_env.laboratory import make_importable

make_importable()  # the wheel does not install `agents` under its own name

from agents.language.trl_seat import seat_environment, task_rows  # noqa: E402

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # TRL calls environments experimental

# what is different for the tiny model: short rollouts of few steps, on processors
SMOKE: dict[str, Any] = {
    "max_steps": 3, "num_generations": 2, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1,
    "max_completion_length": 1200, "max_tool_calling_iterations": 4, "learning_rate": 1e-3, "use_cpu": True,
}  # fmt: skip
FULL: dict[str, Any] = {
    "max_steps": 200, "num_generations": 8, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 8,
    "max_completion_length": 20480, "max_tool_calling_iterations": 150, "learning_rate": 1e-6,
    "gradient_checkpointing": True, "bf16": True,
}  # fmt: skip


def make_trainer(options: argparse.Namespace) -> GRPOTrainer:
    """The trainer of a seat."""
    seat = seat_environment(options.seat, partners=options.partners, reward=options.reward)
    rows = task_rows("train", options.tasks, tiers=options.tiers, team_sizes=options.team_sizes)
    settings = SMOKE if options.smoke else FULL
    model, tokenizer = (
        make_tiny_model([seat().reset(**row) for row in rows[:8]]) if options.smoke else (options.model, None)
    )
    return GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        environment_factory=seat,
        train_dataset=Dataset.from_list(rows),
        args=GRPOConfig(
            output_dir=options.output, logging_steps=1, save_strategy="no" if options.smoke else "steps",
            report_to="none", seed=options.seed, **settings,
        ),
    )  # fmt: skip


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="name or folder of a model whose chat template knows tools")
    what.add_argument("--smoke", action="store_true", help="a tiny random model, which is made here")
    parser.add_argument("--seat", default="worker_1", help="agent that the model plays (default: %(default)s)")
    parser.add_argument("--partners", default="proactive", help="policy of all others (default: %(default)s)")
    parser.add_argument("--reward", default="team", help="see agents/language/turn_rewards.py (default: %(default)s)")
    parser.add_argument("--tasks", type=int, default=1000, help="number of tasks (default: %(default)s)")
    parser.add_argument("--tiers", nargs="+", default=["simple"], help="tiers of the tasks (default: simple)")
    parser.add_argument("--team-sizes", nargs="+", type=int, default=[5], help="agents of a team (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the training (default: %(default)s)")
    parser.add_argument("--output", default="runs/trl", help="folder of the trained model (default: %(default)s)")
    return parser.parse_args(arguments)


def main() -> None:
    """Train, and print what TRL logs."""
    options = parse()
    trainer = make_trainer(options)
    trainer.train()
    for entry in trainer.state.log_history:
        if "reward" in entry:
            calls = entry["tools/call_frequency"]
            print(f"step {entry['step']}: reward {entry['reward']:.3f}, {calls:.1f} calls a rollout")
    if not options.smoke:
        trainer.save_model()


if __name__ == "__main__":
    main()
