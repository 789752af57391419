"""How a policy does on the generated validation workflows, and how its actions are best drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from agents.learned.card import Manner
from agents.learned.learned_team import LearnedTeam
from agents.learned.network import Actor
from agents.learned.torch_decider import TorchDecider
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import BASELINE, make_policy
from c2c_env import VALIDATION_SEEDS, Batch, EnvConfig, Generated, Team
from c2c_env.disk import parse_json, read_text, write_whole
from c2c_env.errors import ConfigError
from training.files import digest
from training.learning.ranges import Count, NotNegative, Share, TeamSize, Tier
from training.progress import pulse

LIMIT = "proactive"  # the scripted team that may not be out-talked
SHOWN_BESIDE = (LIMIT, "oracle")
VALIDATION_FILE = "validation.json"  # in the folder of a run, until its policy is written
_HEADING = """Change of completion time on validation workflows, %
(in brackets: hours of communication per hour of effort)"""
_LEGEND = f"""*: how the policy will be played, the fastest of those that nowhere talk
   more than {LIMIT}, if there are any
!: not everything was finished
"""
Metrics = list[dict[str, float]]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class ValidationConfig:
    """What is played to choose how the weights are played.

    Attributes:
        num_workflows: of each tier, the first of the validation range.
        tiers, team_sizes: side by side.
        thresholds: of speaking, to choose from, see `agents.learned.card.Manner`.
        temperatures: to choose from; 0 takes the likeliest plan and message.
        rises: to choose from, of the threshold with the subtasks for each agent.
        drawn: whether to try, beside the thresholds, drawing who speaks by the probabilities.
    """

    num_workflows: Count = 64
    tiers: tuple[Tier, ...] = ("simple", "medium", "medium", "complex", "complex", "complex")
    team_sizes: tuple[TeamSize, ...] = (5, 5, 8, 5, 8, 11)
    thresholds: tuple[Share, ...] = (0.4, 0.45, 0.5, 0.54, 0.56, 0.58, 0.6, 0.65)
    temperatures: tuple[NotNegative, ...] = (0.0,)
    rises: tuple[Share, ...] = (0.0,)
    drawn: bool = False

    @property
    def manners(self) -> list[Manner]:
        """Every way to play that is tried."""
        speaking = [Manner(threshold, rise=rise) for rise in self.rises for threshold in self.thresholds]
        speaking += [Manner(None)] if self.drawn else []
        return [how._replace(temperature=temperature) for temperature in self.temperatures for how in speaking]


class ValidationSet(NamedTuple):
    """The first validation workflows of a tier, for teams of a size.

    Attributes:
        tier: of the workflows.
        team_size: N.
        num_workflows: each is played once.
        vocab_size, hidden_facts: see `EnvConfig`.
    """

    tier: str
    team_size: int
    num_workflows: int
    vocab_size: int = 0
    hidden_facts: int = 0

    @classmethod
    def of(cls, actor: Actor, tier: str, team_size: int, num_workflows: int) -> ValidationSet:
        """The set with the symbols and variants that an actor has learned with."""
        return cls(tier, team_size, num_workflows, actor.vocab_size, actor.hidden_facts)


def validation_batch(where: ValidationSet) -> Batch:
    """Make a batch with a workflow in each environment, freshly reset."""
    number = where.num_workflows
    pool = Generated(where.tier, seeds=VALIDATION_SEEDS[:number])
    config = EnvConfig(relations="index", vocab_size=where.vocab_size, hidden_facts=where.hidden_facts)
    batch = Batch(pool, Team.default(where.team_size), config, num_envs=number)
    batch.reset(range(number), workflows=range(number))
    return batch


def play_named(name: str, where: ValidationSet) -> Metrics:
    """Play a policy of the registry; return its metrics."""
    batch = validation_batch(where)
    return play(batch, make_policy(name, PolicyContext.of(batch)))


@cache
def play_silent(where: ValidationSet) -> Metrics:
    """Play the team that never speaks; return its metrics."""
    return play_named(BASELINE, where)


def play_actor(actor: Actor, manner: Manner, where: ValidationSet) -> Metrics:
    """Play weights; return their metrics."""
    batch = validation_batch(where)
    return play(batch, LearnedTeam(PolicyContext.of(batch), TorchDecider(actor), manner))


def time_change(metrics: Metrics, silent: Metrics) -> float:
    """Return the change of the mean completion time against the team that never speaks, -0.4 is 40 % less."""
    return mean_of(metrics, "completion_time") / mean_of(silent, "completion_time") - 1.0


def talk(metrics: Metrics) -> float:
    """Return the hours of communication per hour of finished effort."""
    hours = ("work_hours", "communication_hours", "wasted_hours")
    effort = sum(m["efficiency"] * sum(m[name] for name in hours) for m in metrics)
    return sum(m["communication_hours"] for m in metrics) / effort if effort else float("inf")


def mean_of(metrics: Metrics, name: str) -> float:
    return float(np.mean([m[name] for m in metrics]))


def choose_manner(
    actor: Actor, config: ValidationConfig, console: Console, path: Path | None = None
) -> tuple[Manner, Rows]:
    """Choose how weights are played, and return the table that shows it.

    The least sum of completion times over all rows wins among those manners that nowhere talk more than the scripted
    team `LIMIT` does; if all of them do, the one that exceeds it the least.

    Args:
        actor: the weights.
        config: what is played.
        console: for progress.
        path: of a file that keeps what was played, so that a run that is interrupted goes on from there.
    """
    table = play_all(actor, config, console, path)
    limits = [row["talk"] for row in table if row["policy"] == LIMIT]

    def badness(manner: Manner) -> tuple[float, float]:
        rows = [row for row in table if row["policy"] == manner_name(manner)]
        excess = max(max(0.0, row["talk"] / limit - 1.0) for row, limit in zip(rows, limits, strict=True))
        return excess, sum(row["change"] for row in rows)

    chosen = min(config.manners, key=badness)
    console.print(_HEADING)
    console.print(shown(table, config.manners, chosen))
    console.print(_LEGEND)
    return chosen, table


def play_all(actor: Actor, config: ValidationConfig, console: Console, path: Path | None) -> Rows:
    """Play scripted teams and the weights in all manners on workflows of every kind; return a row for each."""
    kinds = list(zip(config.tiers, config.team_sizes, strict=True))
    players = [*SHOWN_BESIDE, *map(manner_name, config.manners)]
    same = {"weights": _digest(actor), "config": json.loads(json.dumps(asdict(config)))}
    table = _read_rows(path, same)
    with pulse(console, "validation", len(kinds) * len(players), len(table)) as progress:
        for place in range(len(table), len(kinds) * len(players)):
            tier, size = kinds[place // len(players)]
            where = ValidationSet.of(actor, tier, size, config.num_workflows)
            table.append(play_row(actor, players[place % len(players)], config.manners, where))
            if path is not None:
                write_whole(path, json.dumps(same | {"rows": table}))
            progress.show(len(table), f"{tier}, {size} agents")
    return table


def _digest(actor: Actor) -> str:
    return digest(value.detach().cpu().numpy().tobytes() for value in actor.state_dict().values())


def _read_rows(path: Path | None, same: Mapping[str, Any]) -> Rows:
    """The rows that an earlier run has played with the same weights; none if it was another one, or the file is bad."""
    if path is None or not path.exists():
        return []
    try:
        kept = parse_json(read_text(path, "validation", ConfigError), str(path), ConfigError)
        rows: Rows = kept["rows"] if {name: kept[name] for name in same} == same else []
    except (ConfigError, KeyError, TypeError):
        return []
    return rows


def play_row(actor: Actor, player: str, manners: Sequence[Manner], where: ValidationSet) -> dict[str, Any]:
    """Play a scripted team, or the weights in the manner of this name; return what came of it."""
    named = {manner_name(manner): manner for manner in manners}
    metrics = play_actor(actor, named[player], where) if player in named else play_named(player, where)
    return {
        "tier": where.tier,
        "team_size": where.team_size,
        "policy": player,
        "change": round(time_change(metrics, play_silent(where)), 4),
        "talk": round(talk(metrics), 4),
        "finished": round(mean_of(metrics, "success"), 4),
    }


def shown(table: Rows, manners: Sequence[Manner], chosen: Manner) -> Table:
    """What was played, for people: a row for each policy, and a column for each tier and team size."""
    kinds = dict.fromkeys((row["tier"], row["team_size"]) for row in table)
    between = " " if len(kinds) <= 3 else "\n"  # more stand side by side on a terminal of 80 characters
    heads = [f"{tier}{between}{size}" for tier, size in kinds]
    out = Table(f"threshold{between}of speaking", *heads, "mean", box=SIMPLE_HEAD)
    labels = {manner_name(manner): ("* " if manner == chosen else "") + _label(manner) for manner in manners}
    for name in dict.fromkeys(row["policy"] for row in table):
        rows = [row for row in table if row["policy"] == name]
        mean = float(np.mean([row["change"] for row in rows]))
        out.add_row(labels.get(name, name), *(_cell(row, between) for row in rows), f"{100 * mean:+.1f}")
    return out


def _label(manner: Manner) -> str:
    """The threshold, and what else is not as usual."""
    return _threshold(manner) + (f", temperature {manner.temperature:g}" if manner.temperature else "")


def _threshold(manner: Manner) -> str:
    rising = f" + {manner.rise:g} x load" if manner.rise else ""
    return "drawn" if manner.threshold is None else f"{manner.threshold:g}{rising}"


def _cell(row: Mapping[str, Any], between: str) -> str:
    return f"{100 * row['change']:+.1f}{'' if row['finished'] == 1.0 else '!'}{between}({row['talk']:.2f})"


def manner_name(manner: Manner) -> str:
    speech = "speech drawn" if manner.threshold is None else f"threshold {_threshold(manner)}"
    return f"learned, {speech}, temperature {manner.temperature:g}"
