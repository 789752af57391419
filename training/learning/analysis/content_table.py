"""What the symbols of a learned team mean, and whether those who read them act on it.

With hidden facts there are two questions to a language that was learned (arXiv 1903.05168): does what is said depend on
the fact (positive signalling, here the mutual information of fact and symbol), and does what is done depend on what was
said (positive listening, here how often the wanted variant is built by those who were told, and by the others).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.learned.learned_team import LearnedTeam
from agents.learned.torch_decider import load_decider
from agents.play import play
from agents.policy import Array, Policy, PolicyContext
from c2c_env import Batch
from c2c_env.core import constants as c
from c2c_env.errors import ConfigError
from training.learning.analysis.credit_table import parse_group
from training.learning.validation import ValidationSet, validation_batch

KNEW, TOLD, UNTOLD = range(3)  # how a builder stood to the fact of what it built


@dataclass(frozen=True)
class ContentCounts:
    """What was said and done in some episodes.

    Attributes:
        said: [F, V] messages by those who knew the fact of their topic, by that fact and by their symbol.
        built: [3, 2] steps of work by those who knew the fact; who did not, but had last read a message about the
            subtask from somebody who knows it; or neither. First those in another variant than the wanted one, then
            those in it.
    """

    said: Array
    built: Array

    @property
    def information(self) -> float:
        """Mutual information of fact and symbol, in bits; at most log2 F."""
        joint = self.said / max(1, self.said.sum())
        apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
        seen = joint > 0
        return float((joint[seen] * np.log2(joint[seen] / apart[seen])).sum())


def count_content(batch: Batch, policy: Policy) -> ContentCounts:
    """Play the episodes that a batch with symbols and hidden facts has just reset, and count."""
    p, s = batch.params, batch.state
    said, built = (np.zeros(shape, dtype=np.int64) for shape in ((p.hidden_facts, p.vocab_size), (3, 2)))
    before = {name: getattr(s, name).copy() for name in ("t", "knows", "read_topic")}

    def count() -> None:
        played = s.t > before["t"]  # an episode that has ended stays as it is
        env, agent = np.nonzero(played[:, None] & (s.action[..., c.SPEECH] != c.SILENT))
        topic, symbol = s.action[env, agent, c.TOPIC], s.action[env, agent, c.SYMBOL]
        knew = before["knows"][env, agent, topic] > 0
        np.add.at(said, (s.fact[env, topic][knew], symbol[knew]), 1)
        env, agent = np.nonzero(played[:, None] & (s.last_work >= 0))
        k = s.last_work[env, agent]
        about = before["read_topic"][env, agent] == k[:, None]  # [X, A] whose last message was about it
        told = (about & (before["knows"][env, :, k] > 0)).any(axis=1)
        stood = np.where(before["knows"][env, agent, k] > 0, KNEW, np.where(told, TOLD, UNTOLD))
        np.add.at(built, (stood, (s.action[env, agent, c.VARIANT] == s.fact[env, k]).astype(int)), 1)
        for name, array in before.items():
            array[...] = getattr(s, name)

    play(batch, policy, on_step=count)
    return ContentCounts(said, built)


def show_content(policies: Sequence[Path], groups: Sequence[str], num_workflows: int, console: Console) -> None:
    """Play policies on validation workflows of groups such as "simple:5", and print what their symbols mean.

    Raises:
        ConfigError: a group is no tier and team size, or a policy has learned without symbols or hidden facts.
        WeightsError: see `agents.learned.weights.load_policy`.
    """
    kinds = [parse_group(word) for word in groups]
    for path in policies:
        decider, manner = load_decider(path)
        for name in ("vocab_size", "hidden_facts"):
            if not getattr(decider, name):
                raise ConfigError(f"{path} has learned with {name}=0, so there is no content to show")
        for tier, size in kinds:
            batch = validation_batch(ValidationSet(tier, size, num_workflows, decider.vocab_size, decider.hidden_facts))
            counts = count_content(batch, LearnedTeam(PolicyContext.of(batch), decider, manner))
            console.print(f"\n{path}, {tier}-{size}", soft_wrap=True)
            console.print(said_table(counts))
            console.print(built_table(counts))


def said_table(counts: ContentCounts) -> Table:
    """Which symbols were said of which fact; those never said are left out."""
    used = np.flatnonzero(counts.said.sum(axis=0))
    caption = f"mutual information {counts.information:.2f} of {np.log2(len(counts.said)):.2f} bits"
    table = Table(title="messages about what the sender knows", caption=caption)
    for name in ("fact", *(f"symbol {v}" for v in used)):
        table.add_column(name, justify="right")
    for fact, row in enumerate(counts.said):
        table.add_row(str(fact), *(str(number) for number in row[used]))
    return table


def built_table(counts: ContentCounts) -> Table:
    """How often builders chose the wanted variant."""
    table = Table("builders who", "steps of work", "in the wanted variant")
    for name, (wrong, right) in zip(("knew", "had been told", "neither"), counts.built, strict=True):
        share = f"{100 * right / (wrong + right):.0f} %" if wrong + right else "-"
        table.add_row(name, str(wrong + right), share)
    return table
