"""What a protocol prescribes, as data: workflows by split, tracks of team sizes and partners, and what is reported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from c2c_env import EnvConfig, Generated, Workflow, builtin_names, generate, load_builtin
from c2c_env.errors import ConfigError, raise_faults, unknown_name

ID_PATTERN = re.compile(r"(c2c-[a-z]+)-v([1-9][0-9]*)")
TEST, VALIDATION = "test", "validation"
SPLITS = (TEST, VALIDATION)  # that are played; the train split is learned from

# what is reported of a policy in a track: the column, its unit, and its formula
REPORTED = {
    "time_saved": (
        "%",
        "100 (1 - completion_time / completion_time of no_communication in the same workflow, with the same team size,"
        " seed and partners); interquartile mean over the episodes of the track, with its 95 % bootstrap interval",
    ),
    "success": (
        "%",
        "share of the episodes that end before the horizon; others count with the horizon as their time",
    ),
    "communication_per_effort": ("h/h", "sum of communication_hours / sum of the hours of finished effort"),
    "invalid_actions": ("each", "mean over the episodes of the actions that the mask forbade"),
    "retention": (
        "%",
        "coordination retention: mean score of the team / mean score of the same policy alone, on the same workflows"
        " with the same seeds; the score is lower_bound / completion_time, and each team size has a bound of its own",
    ),
    "solo_gap": ("points", "mean score alone - mean score of the team, in points of 100"),
    "completion_time": ("h", "mean over the episodes"),
    "score": ("share", "mean of lower_bound / completion_time"),
    "episode_return": ("each", "mean of the sum of the rewards, a team's mean over its agents"),
    "communication_hours": ("h", "mean of the person-hours of communication"),
    "tokens": ("each", "of language models: mean of the tokens of all prompts and answers of an episode"),
    "money": ("$", "of language models whose prices were given: mean of what the answers of an episode cost"),
    "valid_answers": ("%", "of language models: share of the answers that could be used, as they were or repaired"),
}


class WorkflowGroup(NamedTuple):
    """Workflows that are played side by side: one, which every seed plays, or one a seed."""

    label: str
    workflows: tuple[Workflow, ...]
    seeds: tuple[int, ...]

    def part(self, first: int, step: int) -> WorkflowGroup:
        """Every `step`-th of its episodes, from number `first` on."""
        workflows = self.workflows if len(self.workflows) == 1 else self.workflows[first::step]
        return self._replace(workflows=workflows, seeds=self.seeds[first::step])


@dataclass(frozen=True)
class WorkflowChoice:
    """The workflows that a split plays, and with which seeds of the environment.

    Attributes:
        episodes: of generated workflows, how many of each tier: the m-th of the range is played once, with seed m. Of
            built-in ones, how many of each workflow: with the seeds 0, 1, ...
        seeds: range of the generated workflows; None for the built-in ones.
    """

    episodes: int
    seeds: range | None = None

    def groups(self, tier: str, split: str, most: int | None = None) -> list[WorkflowGroup]:
        """The workflows of a tier, at most `most` episodes of each group."""
        count = self.episodes if most is None else min(most, self.episodes)
        numbers = tuple(range(count))
        if self.seeds is None:
            library = [load_builtin(name) for name in builtin_names()]
            return [WorkflowGroup(w.name, (w,), numbers) for w in library if w.tier == tier]
        label = f"generated-{tier}" if split == TEST else f"{split}-{tier}"
        return [WorkflowGroup(label, tuple(generate(tier, self.seeds[m]) for m in numbers), numbers)]


@dataclass(frozen=True)
class Track:
    """A part of a protocol for which a number is reported.

    Attributes:
        name: unique within the protocol; the `split` of its rows in ``results.csv``.
        summary: what it asks.
        team_sizes: N, of default teams.
        seen: whether its team sizes and partners may be learned and developed with. Others are for the test alone.
        partners: policies of all agents but one; episode m is played among number m modulo their count. Empty if the
            policy plays the whole team.
        role: name of the agent that follows the policy among partners; else "".
    """

    name: str
    summary: str
    team_sizes: tuple[int, ...]
    seen: bool
    partners: tuple[str, ...] = ()
    role: str = ""


@dataclass(frozen=True)
class Protocol:
    """A versioned evaluation. What it prescribes never changes under one id: a change makes a new version.

    Attributes:
        id: name and version, such as "c2c-generated-v2".
        summary: what it is for.
        tracks: at least one.
        tiers: of the workflows.
        test: workflows to report on.
        validation: workflows to develop and to choose hyperparameters with.
        train_seeds: range of the generated workflows to learn from.
        train_team_sizes: numbers of agents to learn with.
        train_partners: policies to learn among; empty if the policy plays the whole team.
        retired: why nothing is reported by it any more, and which version took its place; "" if it is in use.
    """

    id: str
    summary: str
    tracks: tuple[Track, ...]
    tiers: tuple[str, ...]
    test: WorkflowChoice
    validation: WorkflowChoice
    train_seeds: range
    train_team_sizes: tuple[int, ...]
    train_partners: tuple[str, ...] = ()
    retired: str = ""

    def __post_init__(self) -> None:
        names = [track.name for track in self.tracks]
        faults = [] if ID_PATTERN.fullmatch(self.id) else [f"id is {self.id!r}, expected a form such as c2c-name-v1"]
        faults += [] if names else ["tracks is empty, expected at least one"]
        faults += [f"two tracks are named {name!r}" for name in dict.fromkeys(names) if names.count(name) > 1]
        raise_faults(ConfigError, "bad protocol", faults)

    @property
    def config(self) -> EnvConfig:
        """The constants: the defaults of `EnvConfig`."""
        return EnvConfig()

    @property
    def next_id(self) -> str:
        """The id of the version after this one."""
        match = ID_PATTERN.fullmatch(self.id)
        assert match is not None  # checked when it was made
        return f"{match[1]}-v{int(match[2]) + 1}"

    def train_workflow(self, tier: str) -> Generated:
        """The train split of a tier, to hand to `c2c_env.parallel_env`: at every reset a workflow is drawn.

        Raises:
            ConfigError: the protocol has no such tier.
        """
        return Generated(self._known(tier), self.train_seeds)

    def validation_workflow(self, tier: str) -> Generated:
        """The workflows of the validation split of a tier, which are generated; see `train_workflow`."""
        assert self.validation.seeds is not None
        return Generated(self._known(tier), self.validation.seeds[: self.validation.episodes])

    def played(self, split: str) -> WorkflowChoice:
        """The workflows of a split that is played, "test" or "validation".

        Raises:
            ConfigError: there is no such split.
        """
        if split not in SPLITS:
            raise ConfigError(unknown_name("split", split, SPLITS))
        return self.test if split == TEST else self.validation

    def tracks_of(self, split: str, names: Sequence[str] | None = None) -> list[Track]:
        """The tracks that a split plays: all for the test, those with what was seen for validation.

        Args:
            split: "test" or "validation".
            names: which of them; None for all.

        Raises:
            ConfigError: a track that the protocol does not have, or that is for the test alone.
        """
        known = {track.name: track for track in self.tracks}
        unknown = [unknown_name(f"track of {self.id}", name, known) for name in names or () if name not in known]
        raise_faults(ConfigError, "bad --tracks", unknown)
        chosen = list(self.tracks) if names is None else [known[name] for name in dict.fromkeys(names)]
        hidden = [track.name for track in chosen if split != TEST and not track.seen]
        raise_faults(
            ConfigError, "bad --tracks",
            [f"{name} is for the test alone, so that nothing is developed on it" for name in hidden if names],
        )  # fmt: skip
        return [track for track in chosen if track.name not in hidden]

    def _known(self, tier: str) -> str:
        if tier not in self.tiers:
            raise ConfigError(unknown_name("tier", tier, self.tiers))
        return tier
