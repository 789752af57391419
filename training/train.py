"""Train a team: stages of a recipe, with checkpoints from which a run goes on to the same weights."""

from __future__ import annotations

import argparse
import csv
import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

import c2c_env
from agents.learned import weights
from agents.learned.network import Actor, Critic
from c2c_env import EnvConfig
from c2c_env.core.rng import hash_counter
from c2c_env.errors import ConfigError
from training.cells import write_whole
from training.imitation import Imitation
from training.mappo import PPO
from training.recipe import GroupConfig, Recipe, load_recipe, shipped_recipes
from training.rollout import STREAM_LEARNER, Group
from training.validation import choose_temperature, mean_of, talk

CHECKPOINT, POLICY, METRICS = "checkpoint.safetensors", "policy.safetensors", "metrics.csv"
SCALARS = {
    "learning_rate": "of the actor",
    "work_loss": "imitation: cross-entropy of the teacher's work, nats",
    "message_loss": "imitation: cross-entropy of the teacher's message, given its work, nats",
    "work_accuracy": "imitation: share of agents whose likeliest work is the teacher's",
    "message_accuracy": "imitation: share of the teacher's messages that are the likeliest, silence counted as wrong",
    "messages": "share of agents that say something in a step",
    "sharing": "PPO: 0 = everybody gets the team's reward, 1 = each its own share",
    "value_loss": "PPO: squared error of the critic, in standard deviations of the return",
    "explained_variance": "PPO: 1 - error / variance of the returns; 1 is perfect, 0 is no better than their mean",
    "policy_loss": "PPO: clipped surrogate, about 0",
    "entropy": "PPO: of work and message together, nats",
    "kl": "PPO: divergence of the actor from the one that played the rollout, nats",
    "clipped": "PPO: share of actions whose probability has changed by more than the clip",
    "score": "episodes that ended: lower bound of the completion time / completion time, 0 if unfinished",
    "completion_time": "episodes that ended: hours",
    "communication": "episodes that ended: hours of communication per hour of finished effort",
    "success": "episodes that ended: share with every subtask done",
    "rows_per_second": "decisions of agents a second, learning included",
}


COLUMNS = (
    TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn(),
    TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
)  # fmt: skip


class Stage(Protocol):
    """A learner that goes on update by update."""

    def update(self, number: int) -> dict[str, float]: ...


@dataclass(frozen=True)
class StagePlan:
    """What a stage consists of."""

    name: str
    updates: int
    chunk: int
    groups: tuple[GroupConfig, ...]
    rows: int  # decisions of agents an update


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("recipe", metavar="RECIPE", help=f"name ({', '.join(shipped_recipes())}) or path of a TOML file")
    add("--seed", type=int, help="instead of the recipe's")
    add("--threads", type=int, help="of torch, instead of the recipe's")
    add("--out", metavar="FOLDER", help="default: results/train/NAME/seed-SEED")
    add("--resume", action="store_true", help="go on from the folder's last checkpoint")
    add("--device", default="cpu", help="cpu, cuda or cuda:N, for the network (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """The command."""
    recipe = load_recipe(args.recipe)
    changes = {name: getattr(args, name) for name in ("seed", "threads") if getattr(args, name) is not None}
    recipe = replace(recipe, **changes)
    folder = Path(args.out or f"results/train/{recipe.name}/seed-{recipe.seed}")
    training = Training(recipe, folder, check_device(args.device))
    console = Console(stderr=True)
    begun = (folder / CHECKPOINT).exists()
    if begun and not args.resume:
        raise ConfigError(f"{folder} holds a run already; add --resume to go on with it, or give another --out")
    if begun:
        training.load()
    elif args.resume:
        console.print(f"{folder} has no checkpoint yet; the run begins at the beginning", soft_wrap=True)
    training.run(console)
    return 0


def check_device(name: str) -> torch.device:
    """The device, if there is one of that name.

    Raises:
        ConfigError: unknown, or not on this machine.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device is {name!r}, expected cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"--device is {name!r}, but torch {torch.__version__} finds no CUDA device here")
    return device


class Training:
    """A run: a recipe, its networks, and where it stands.

    Args:
        recipe: everything that determines the weights.
        folder: where checkpoints, the policy and the logs go.
        device: of the networks.
    """

    def __init__(self, recipe: Recipe, folder: Path, device: torch.device) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        torch.set_num_threads(recipe.threads)
        torch.set_flush_denormal(True)  # probabilities far below 1e-38 would slow every product down
        torch.manual_seed(recipe.seed)
        sizes = asdict(recipe.network)
        self.actor = Actor(**sizes).to(device)
        self.critic = Critic(hidden=recipe.network.hidden, rounds=recipe.network.rounds).to(device)
        self.plans = make_plans(recipe)
        self.place = (0, 0)  # stage and update that come next
        self.saved: dict[str, Tensor] = {}  # of the stage's optimisers, until it is made
        self.saved_numbers: dict[str, float] = {}
        self.logged: list[dict[str, Any]] = []

    # --- checkpoints ------------------------------------------------------------------------------------------

    def save(self, stage: Stage, place: tuple[int, int]) -> None:
        """Write the checkpoint whole: the state in which `place` comes next."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"actor.{name}": value for name, value in self.actor.state_dict().items()}
        tensors |= {f"critic.{name}": value for name, value in self.critic.state_dict().items()}
        if place[1] > 0:  # a new stage begins with new optimisers
            tensors |= {f"optimizer.{name}": value for name, value in optimizer_tensors(stage).items()}
        numbers = dict(vars(stage.scale)) if isinstance(stage, PPO) and place[1] > 0 else {}
        about = {
            "kind": "checkpoint", "format": weights.FORMAT, "version": c2c_env.__version__,
            "recipe": plain(asdict(self.recipe)), "place": list(place), "numbers": numbers,
        }  # fmt: skip
        write_whole(self.folder / METRICS, table_of(self.logged))
        weights.write_tensors(self.folder / CHECKPOINT, tensors, about)

    def load(self) -> None:
        """Go on from the folder's checkpoint.

        Raises:
            WeightsError: there is none, or it is broken.
            ConfigError: it is of another recipe.
        """
        path = self.folder / CHECKPOINT
        tensors, about = weights.read_tensors(path, "checkpoint")
        if about.get("recipe") != plain(asdict(self.recipe)):
            changed = differing(about.get("recipe"), plain(asdict(self.recipe)))
            raise ConfigError(
                f"{path} is of another recipe ({changed}); give another --out, or the recipe it began with"
            )
        parts: dict[str, dict[str, Tensor]] = {"actor": {}, "critic": {}, "optimizer": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = value
        weights.put_tensors(self.actor, parts["actor"], str(path))
        weights.put_tensors(self.critic, parts["critic"], str(path))
        self.saved, self.saved_numbers = parts["optimizer"], about["numbers"]
        stage, update = about["place"]
        self.place = (stage, update)
        done = [plan.name for plan in self.plans[:stage]]
        current = self.plans[stage].name if stage < len(self.plans) else ""
        self.logged = [
            row for row in read_table(self.folder / METRICS)
            if row["stage"] in done or (row["stage"] == current and row["update"] <= update)
        ]  # fmt: skip

    # --- running ----------------------------------------------------------------------------------------------

    def run(self, console: Console) -> None:
        """Train to the end, and write the policy."""
        writer = SummaryWriter(str(self.folder / "tensorboard"))
        for number, plan in enumerate(self.plans):
            if number >= self.place[0]:
                self._run_stage(number, plan, self.place[1] if number == self.place[0] else 0, writer, console)
        writer.close()
        self.write_policy(console)

    def _run_stage(self, number: int, plan: StagePlan, begin: int, writer: SummaryWriter, console: Console) -> None:
        groups = self.make_groups(number, plan)
        stage = self.make_stage(plan, groups)
        with Progress(*COLUMNS, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task(plan.name, total=plan.updates, completed=begin, note="")
            for first in range(begin, plan.updates, plan.chunk):
                last = min(first + plan.chunk, plan.updates)
                self._seed_groups(groups, number, first)
                window: list[dict[str, float]] = []
                started = time.perf_counter()
                for update in range(first, last):
                    window.append(stage.update(update))
                    progress.update(bar, completed=update + 1, note=headline(window[-1]))
                rate = plan.rows * (last - first) / (time.perf_counter() - started)
                self.log(plan, last, window, groups, rate, writer)
                self.save(stage, (number, last) if last < plan.updates else (number + 1, 0))
                if not console.is_terminal:
                    console.print(f"{plan.name} {last}/{plan.updates}  {headline(self.logged[-1])}")

    def _seed_groups(self, groups: Sequence[Group], stage: int, update: int) -> None:
        """All environments start anew; see `Recipe`."""
        for place, group in enumerate(groups):
            group.restart(self.chunk_seed(stage, update, place))

    def chunk_seed(self, stage: int, update: int, place: int) -> int:
        """Seed of a group's environments from an update on."""
        with np.errstate(over="ignore"):
            key = np.array([self.recipe.seed], dtype=np.uint64)
            bits = hash_counter(key, STREAM_LEARNER, np.uint64(1000 * stage + place), update)
        return int(bits[0] >> np.uint64(11))

    def make_groups(self, number: int, plan: StagePlan) -> list[Group]:
        config = EnvConfig(reward_weights=self.recipe.reward_weights)
        return [
            Group(group.tier, group.team_size, group.num_envs, self.chunk_seed(number, 0, place), config, self.device)
            for place, group in enumerate(plan.groups)
        ]

    def make_stage(self, plan: StagePlan, groups: Sequence[Group]) -> Stage:
        """The learner of a stage, as the checkpoint left it."""
        stage: Imitation | PPO
        if plan.name == "imitation":
            stage = Imitation(self.recipe.imitation, self.actor, groups)
        else:
            stage = PPO(self.recipe.ppo, self.actor, self.critic, groups)
            for name, value in self.saved_numbers.items():
                setattr(stage.scale, name, value)
        put_optimizer_tensors(stage, self.saved)
        self.saved, self.saved_numbers = {}, {}
        return stage

    def log(
        self, plan: StagePlan, update: int, window: Sequence[dict[str, float]],
        groups: Sequence[Group], rate: float, writer: SummaryWriter,
    ) -> None:  # fmt: skip
        """A row of means over the chunk, and of the episodes that ended in it."""
        means = means_of(window)
        for group in groups:
            kind = f"{group.tier}-{group.team_size}"
            means |= {f"{kind}/{name}": value for name, value in episode_means(group.episodes).items()}
        means["rows_per_second"] = rate
        self.logged.append({"stage": plan.name, "update": update, **means})
        for name, value in means.items():
            if np.isfinite(value):
                writer.add_scalar(f"{plan.name}/{name}", value, update)
        writer.flush()

    def write_policy(self, console: Console) -> None:
        """Choose on validation workflows how the weights are played, and write them for `learned:PATH`."""
        chosen, table = choose_temperature(self.actor.cpu().eval(), self.recipe.validation, console)
        card = {
            "name": self.recipe.name, "version": c2c_env.__version__, "recipe": plain(asdict(self.recipe)),
            "temperature": chosen, "validation": table,
        }  # fmt: skip
        weights.save_policy(self.folder / POLICY, self.actor, self.recipe.network, card)
        console.print(f"policy: learned:{self.folder / POLICY} (temperature {chosen})")


def make_plans(recipe: Recipe) -> list[StagePlan]:
    """The stages that have updates."""
    stages = []
    for name, chunk, steps in (("imitation", recipe.imitation_chunk, 1), ("ppo", recipe.ppo_chunk, recipe.ppo.steps)):
        groups = getattr(recipe, f"{name}_groups")
        rows = steps * sum(group.num_envs * group.team_size for group in groups)
        stages.append(StagePlan(name, getattr(recipe, name).updates, chunk, groups, rows))
    return [stage for stage in stages if stage.updates > 0]


def optimizers(stage: Stage) -> dict[str, torch.optim.Optimizer]:
    """Those of a stage, by name."""
    return {name: value for name, value in vars(stage).items() if isinstance(value, torch.optim.Optimizer)}


def optimizer_tensors(stage: Stage) -> dict[str, Tensor]:
    """Moments and step counts as tensors: `<optimiser>.<parameter>.<name>`."""
    return {
        f"{name}.{place}.{key}": value
        for name, optimizer in optimizers(stage).items()
        for place, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def put_optimizer_tensors(stage: Stage, tensors: dict[str, Tensor]) -> None:
    """The reverse of `optimizer_tensors`."""
    for name, optimizer in optimizers(stage).items():
        state: dict[int, dict[str, Tensor]] = {}
        for path, value in tensors.items():
            owner, place, key = path.split(".")
            if owner == name:
                state.setdefault(int(place), {})[key] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def means_of(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of every name, over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def episode_means(episodes: list[dict[str, float]]) -> dict[str, float]:
    """Of the episodes that ended."""
    if not episodes:
        return {}
    means = {name: mean_of(episodes, name) for name in ("score", "completion_time", "success")}
    return means | {"communication": talk(episodes)}


def headline(scalars: dict[str, float]) -> str:
    """The most telling numbers of an update."""
    names = ("work_accuracy", "message_loss", "explained_variance", "entropy", "messages")
    return "  ".join(f"{name} {scalars[name]:.3f}" for name in names if name in scalars)


def plain(value: Any) -> Any:
    """As JSON gives it back: lists for tuples."""
    return json.loads(json.dumps(value))


def differing(had: Any, has: Any, where: str = "") -> str:
    """Where two plain values differ first."""
    if isinstance(had, dict) and isinstance(has, dict):
        for name in {**had, **has}:
            if had.get(name) != has.get(name):
                return differing(had.get(name), has.get(name), f"{where}.{name}".lstrip("."))
    return f"{where or 'recipe'}: {had!r} there, {has!r} here"


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """CSV; columns in the order of appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_table(path: Path) -> list[dict[str, Any]]:
    """The reverse of `table_of`; empty without a file."""
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {name: value if name == "stage" else int(value) if name == "update" else float(value)
             for name, value in row.items() if value}
            for row in csv.DictReader(file)
        ]  # fmt: skip
