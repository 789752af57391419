"""Train a team: stages of a recipe, with checkpoints from which a run goes on to the same weights."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

import c2c_env
from agents.learned import weights
from agents.learned.card import WEIGHTS_FORMAT, Manner, WeightsError
from agents.learned.learned_team import SHIPPED
from agents.learned.network import Actor, Critic
from c2c_env import EnvConfig
from c2c_env.checks import is_integer, is_number
from c2c_env.core.rng import hash_counter
from c2c_env.disk import write_whole
from c2c_env.errors import ConfigError
from training.arguments import output_folder
from training.files import Claims
from training.learning.checkpoint import as_json, differing, optimizer_tensors, put_optimizer_tensors
from training.learning.export import export_policy
from training.learning.learners.cost_to_go import CostToGo
from training.learning.learners.environments import STREAM_LEARNER, Group
from training.learning.learners.evolution import Evolution
from training.learning.learners.imitation import Imitation
from training.learning.learners.mappo import PPO, ReturnScale
from training.learning.log import episode_means, headline, means_of, read_table, table_of, write_scalars
from training.learning.recipe import Recipe, parse_recipe
from training.learning.stages import Stage, StageConfig, make_stages
from training.learning.validation import (
    VALIDATION_FILE,
    ValidationSet,
    choose_manner,
    manner_name,
    play_actor,
    play_silent,
    talk,
    time_change,
)
from training.progress import pulse

CHECKPOINT_FILE, METRICS_FILE = "checkpoint.safetensors", "metrics.csv"
AS_LEARNED = Manner(threshold=None, temperature=1.0)
POLICY_FILE, GRAPH_FILE = "policy.safetensors", "policy.onnx"  # the same weights, for torch and for playing without it
LATEST_FILE = "latest.safetensors"  # the policy of the last checkpoint, until the final one is there


@dataclass(frozen=True)
class Ending:
    """How a run comes from its last weights to its policy, which changes no weights.

    Attributes:
        export: whether the policy is also written for playing without torch.
        workflows: validation workflows of each tier and team size; None for what the recipe says.
    """

    export: bool = True
    workflows: int | None = None


def manner_of_stage(config: StageConfig) -> Manner:
    """How weights are played while they learn: by their probabilities in PPO, what they find likeliest otherwise."""
    return AS_LEARNED if config.name == "ppo" else Manner()


def check_device(name: str) -> torch.device:
    """Return the device, if there is one of that name.

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


@contextlib.contextmanager
def sole_run(folder: Path) -> Iterator[None]:
    """Make the folder of a run, and keep other runs out of it as long as the context lasts.

    Raises:
        ConfigError: another run is at work there, or the folder cannot be made.
    """
    with Claims(output_folder(folder)) as claims:
        if not claims.take("train"):
            raise ConfigError(f"another run trains in {folder}; wait for its end, or give another --out")
        claims.sweep(folder)
        yield


def train_alone(
    recipe: Recipe,
    folder: Path,
    device: torch.device,
    console: Console,
    *,
    resume: bool,
    ending: Ending,
) -> None:
    """Train a run to its end in this process; see `Training` for the arguments."""
    with sole_run(folder):
        training = Training(recipe, folder, device)
        training.begin(resume, console)
        console.print(f"learned:{folder / LATEST_FILE} can be played from the first checkpoint on", soft_wrap=True)
        training.run(console, ending)


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
        self.critic = Critic(recipe.network.hidden, recipe.ppo.critic == "central").to(device)
        self.stages = make_stages(recipe)
        self.place = (0, 0)  # stage and update that come next
        self.saved: dict[str, Tensor] = {}  # of the stage's optimisers, until it is made
        self.saved_numbers: dict[str, float] = {}
        self.logged: list[dict[str, Any]] = []

    # --- checkpoints ------------------------------------------------------------------------------------------

    @classmethod
    def of_folder(cls, folder: Path) -> Training:
        """A run as it was at its last checkpoint.

        Raises:
            WeightsError: there is no checkpoint, or it is broken.
            ConfigError: its recipe lacks what this version's have.
        """
        path = folder / CHECKPOINT_FILE
        _, about = weights.read_tensors(path, "checkpoint")
        recipe = parse_recipe(about.get("recipe"), f"bad recipe in {path}", WeightsError)
        training = cls(recipe, folder, torch.device("cpu"))
        training.load()
        return training

    def scale(self) -> ReturnScale:
        """The unit of the critic's values as the checkpoint left it."""
        scale = ReturnScale()
        vars(scale).update(self.saved_numbers)
        return scale

    def save(self, stage: Stage | None, place: tuple[int, int]) -> None:
        """Write the checkpoint whole: the state in which `place` comes next.

        Args:
            stage: that is under way; None before the first one.
            place: stage and update.

        Raises:
            ConfigError: the weights have grown beyond all bounds.
        """
        tensors = {f"actor.{name}": value for name, value in self.actor.state_dict().items()}
        tensors |= {f"critic.{name}": value for name, value in self.critic.state_dict().items()}
        if not all(torch.isfinite(value).all() for value in tensors.values()):
            raise ConfigError(
                f"the weights are not finite any more before update {place[1]} of stage {place[0]}; lower the learning"
                f" rates, the checkpoint in {self.folder} is kept as it was before"
            )
        if stage is not None and place[1] > 0:  # a new stage begins with new optimisers
            tensors |= {f"optimizer.{name}": value for name, value in optimizer_tensors(stage).items()}
        numbers = dict(vars(stage.scale)) if isinstance(stage, PPO) else {}
        about = {
            "kind": "checkpoint", "format": WEIGHTS_FORMAT, "version": c2c_env.__version__,
            "recipe": as_json(asdict(self.recipe)), "place": list(place), "numbers": numbers,
        }  # fmt: skip
        write_whole(self.folder / METRICS_FILE, table_of(self.logged))
        weights.write_tensors(self.folder / CHECKPOINT_FILE, tensors, about)

    def save_latest(self, config: StageConfig) -> None:
        """Write the present weights as a policy that can be played, in the way in which the stage plays them."""
        card = self._card(manner_of_stage(config), [])
        weights.save_policy(self.folder / LATEST_FILE, self.actor, self.recipe.network, card)

    def _card(self, manner: Manner, table: list[dict[str, Any]]) -> dict[str, Any]:
        """What stands beside weights: where they come from, how they are played, and how that was chosen."""
        return {
            "name": self.recipe.name, "version": c2c_env.__version__, "recipe": as_json(asdict(self.recipe)),
            **manner._asdict(), "validation": table,
        }  # fmt: skip

    def load(self) -> None:
        """Go on from the folder's checkpoint.

        Raises:
            WeightsError: there is none, or it is broken.
            ConfigError: it is of another recipe.
        """
        path = self.folder / CHECKPOINT_FILE
        tensors, about = weights.read_tensors(path, "checkpoint")
        if about.get("recipe") != as_json(asdict(self.recipe)):
            changed = differing(about.get("recipe"), as_json(asdict(self.recipe)))
            raise ConfigError(
                f"{path} is of another recipe ({changed}); give another --out, or the recipe it began with"
            )
        stage, update = self._checked_place(path, about)
        parts: dict[str, dict[str, Tensor]] = {"actor": {}, "critic": {}, "optimizer": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = value
        weights.put_tensors(self.actor, parts["actor"], str(path))
        weights.put_tensors(self.critic, parts["critic"], str(path))
        self.saved, self.saved_numbers = parts["optimizer"], about["numbers"]
        self.place = (stage, update)
        done = [config.name for config in self.stages[:stage]]
        current = self.stages[stage].name if stage < len(self.stages) else ""
        self.logged = [
            row for row in read_table(self.folder / METRICS_FILE)
            if row["stage"] in done or (row["stage"] == current and row["update"] <= update)
        ]  # fmt: skip

    def _checked_place(self, path: Path, about: dict[str, Any]) -> tuple[int, int]:
        """Return the stage and update that come next by a checkpoint, whose running numbers are checked as well."""
        place, numbers = about.get("place"), about.get("numbers")
        ends = [config.updates for config in self.stages] + [1]
        if not (
            isinstance(place, list) and len(place) == 2 and all(map(is_integer, place))
            and 0 <= place[0] < len(ends) and 0 <= place[1] < ends[place[0]]
        ):  # fmt: skip
            raise WeightsError(f"{path} has place {place!r}, expected a stage and an update of the recipe")
        known = set(vars(ReturnScale()))
        if (
            not isinstance(numbers, dict)
            or set(numbers) not in (set(), known)
            or not all(map(is_number, numbers.values()))
        ):
            raise WeightsError(f"{path} has numbers {numbers!r}, expected {', '.join(sorted(known))} or none")
        return place[0], place[1]

    def begin(self, resume: bool, console: Console) -> None:
        """Begin anew in an empty folder, or go on from the folder's checkpoint if that is wanted.

        Raises:
            ConfigError: there is a checkpoint, but the run is not to go on from it.
        """
        begun = (self.folder / CHECKPOINT_FILE).exists()
        if begun and not resume:
            raise ConfigError(
                f"{self.folder} holds a run already; add --resume to go on with it, or give another --out"
            )
        if begun:
            self.load()
            return
        if resume:
            console.print(f"{self.folder} has no checkpoint yet; the run begins at the beginning", soft_wrap=True)
        if self.recipe.start:
            self._start_from(self.recipe.start)
            self.save(None, (0, 0))  # from now on the run needs that file no more, wherever it goes on

    def _start_from(self, start: str) -> None:
        """Take the team's weights from a policy; the critic starts from random numbers.

        Raises:
            ConfigError: there is no such policy.
            WeightsError: it cannot be read, or does not fit the network.
        """
        shipped = SHIPPED.with_suffix(".safetensors")
        path = shipped if start == "shipped" else Path(start.replace("{seed}", str(self.recipe.seed)))
        if not os.path.exists(path):  # `Path.exists` raises errors for names that are too long
            raise ConfigError(f"{path}, which the recipe starts from, is not there; train that first (same seed)")
        given, _ = weights.load_policy(path)
        weights.put_tensors(self.actor, given.state_dict(), f"{path}, which the recipe starts from,")

    # --- running ----------------------------------------------------------------------------------------------

    def run(self, console: Console, ending: Ending) -> None:
        """Train to the end, and write the policy."""
        for _ in self.chunks(console):
            pass
        self.write_policy(console, ending)

    def chunks(self, console: Console) -> Generator[None, None, None]:
        """Train from checkpoint to checkpoint; each has just been written when control comes back."""
        for number, config in enumerate(self.stages):
            if number >= self.place[0]:
                yield from self._stage_chunks(number, config, self.place[1] if number == self.place[0] else 0, console)

    def _stage_chunks(self, number: int, config: StageConfig, begin: int, console: Console) -> Iterator[None]:
        groups = self.make_groups(number, config)
        stage = self.make_stage(config, groups)
        with pulse(console, config.name, config.updates, begin) as progress:
            for first in range(begin, config.updates, config.chunk):
                last = min(first + config.chunk, config.updates)
                self._weigh_rewards(groups, first / config.updates)
                self._seed_groups(groups, number, first)
                window: list[dict[str, float]] = []
                before = [group.env_steps for group in groups]
                started = time.perf_counter()
                for update in range(first, last):
                    window.append(stage.update(update))
                    progress.show(update + 1, headline(window[-1]))
                passed = time.perf_counter() - started
                played = [group.env_steps - earlier for group, earlier in zip(groups, before, strict=True)]
                decided = sum(steps * group.team_size for group, steps in zip(groups, played, strict=True))
                steps = {"env_steps": self._played(config) + sum(played), "rows_per_second": decided / passed}
                self.log(config, last, window, groups, steps)
                self.save(stage, (number, last) if last < config.updates else (number + 1, 0))
                self.save_latest(config)
                progress.say(last, headline(self.logged[-1]))
                yield

    def _played(self, config: StageConfig) -> float:
        """Steps of environments in a stage up to its last checkpoint."""
        rows = [row for row in self.logged if row["stage"] == config.name]
        return float(rows[-1]["env_steps"]) if rows else 0.0

    def _seed_groups(self, groups: Sequence[Group], stage: int, update: int) -> None:
        """Start all environments anew; see `Recipe`."""
        for place, group in enumerate(groups):
            group.restart(self.chunk_seed(stage, update, place))

    def _weigh_rewards(self, groups: Sequence[Group], share: float) -> None:
        """Weigh the terms of the reward as after this share of a stage's updates."""
        first, last = self.recipe.reward_weights, self.recipe.last_reward_weights
        if last is None:
            return
        for group in groups:
            group.weigh_rewards((1.0 - share) * np.array(first) + share * np.array(last))

    def chunk_seed(self, stage: int, update: int, place: int) -> int:
        """Return the seed of the environments of a group from an update on."""
        with np.errstate(over="ignore"):
            key = np.array([self.recipe.seed], dtype=np.uint64)
            bits = hash_counter(key, STREAM_LEARNER, np.uint64(1000 * stage + place), update)
        return int(bits[0] >> np.uint64(11))

    def make_groups(self, number: int, config: StageConfig) -> list[Group]:
        network = self.recipe.network
        constants = EnvConfig(
            reward_weights=self.recipe.reward_weights, vocab_size=network.vocab_size, hidden_facts=network.hidden_facts
        )
        return [
            Group(
                group.tier,
                group.team_size,
                group.num_envs,
                self.chunk_seed(number, 0, place),
                constants,
                self.device,
                group.begin,
                network.schedule,
            )
            for place, group in enumerate(config.groups)
        ]

    def make_stage(self, config: StageConfig, groups: Sequence[Group]) -> Stage:
        """Make the learner of a stage, as the checkpoint left it."""
        stage: Stage
        if config.name == "imitation":
            stage = Imitation(self.recipe.imitation, self.actor, groups)
        elif config.name == "cost_to_go":
            stage = CostToGo(self.recipe.cost_to_go, self.actor, groups)
        elif config.name == "evolution":
            stage = Evolution(self.recipe.evolution, self.actor, groups)
        elif self.recipe.ppo.learner == "maskable_ppo":
            from training.learning.learners.maskable_ppo import SecondLearner  # a second of imports for this one alone

            stage = SecondLearner(self.recipe.ppo, self.actor, self.critic, groups[0])
        else:
            stage = PPO(self.recipe.ppo, self.actor, self.critic, groups)
            stage.scale = self.scale()
        put_optimizer_tensors(stage, self.saved)
        self.saved, self.saved_numbers = {}, {}
        return stage

    def log(
        self,
        config: StageConfig,
        update: int,
        window: Sequence[dict[str, float]],
        groups: Sequence[Group],
        steps: Mapping[str, float],
    ) -> None:
        """Log a row of means over the chunk, and over the episodes that ended in it, with how many steps it had."""
        means = means_of(window)
        for group in groups:
            kind = f"{group.tier}-{group.team_size}"
            means |= {f"{kind}/{name}": value for name, value in episode_means(group.episodes).items()}
        if self.recipe.curve_workflows:
            means |= self._point_of_curve(config)
        self.logged.append({"stage": config.name, "update": update, **means, **steps})
        write_scalars(self.folder, self.logged[-1:])

    def _point_of_curve(self, config: StageConfig) -> dict[str, float]:
        """How the present weights do on validation workflows of every kind that is played."""
        found: dict[str, float] = {}
        for tier, size in sorted({(group.tier, group.team_size) for group in config.groups}):
            where = ValidationSet.of(self.actor, tier, size, self.recipe.curve_workflows)
            metrics = play_actor(self.actor, manner_of_stage(config), where)
            change = time_change(metrics, play_silent(where))
            found |= {f"{tier}-{size}/reduction": -100.0 * change, f"{tier}-{size}/talk": talk(metrics)}
        return found

    def write_policy(self, console: Console, ending: Ending) -> None:
        """Choose on validation workflows how the weights are played, and write them for `learned:PATH`.

        Weights that have learned with symbols or variants are played by torch alone.
        """
        export = ending.export and not (self.recipe.network.vocab_size or self.recipe.network.hidden_facts)
        config = self.recipe.validation
        if ending.workflows is not None:
            config = replace(config, num_workflows=ending.workflows)
        manner, table = choose_manner(self.actor.cpu().eval(), config, console, self.folder / VALIDATION_FILE)
        card = self._card(manner, table)
        weights.save_policy(self.folder / POLICY_FILE, self.actor, self.recipe.network, card)
        if export:
            export_policy(self.folder / GRAPH_FILE, self.actor, card)
        for left in (LATEST_FILE, VALIDATION_FILE):
            (self.folder / left).unlink(missing_ok=True)
        name = GRAPH_FILE if export else POLICY_FILE
        console.print(f"policy: learned:{self.folder / name} ({manner_name(manner)})", soft_wrap=True)
