"""What became of the questions of an episode: turns, and their sums for the table of results."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.prompted.backends import Question, Reply
from agents.prompted.judge import Verdict
from agents.prompted.settings import ModelSettings
from c2c_env.episodes.episode import ModelText
from c2c_env.text.answer import Decision

LABELS = ("valid", "repaired", "invalid")
ASKED_AGAIN = "asked again"  # what became of an invalid answer after which the question was put once more
_DETAIL = re.compile(r"""'[^']*'|"[^"]*"|\b(?:manager|worker)_\d+\b|\bs?\d+\b""")


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question and its answer, with the decision that it led to for each of the agents that it was about."""

    question: Question
    reply: Reply
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class Turn:
    """One question and its answer; a decision and a verdict for each of the agents that it was about.

    `rejected` is what was asked and answered before, where an invalid answer had the question put once more.
    """

    agents: tuple[int, ...]
    question: Question
    reply: Reply
    decisions: tuple[Decision, ...]
    verdicts: tuple[Verdict, ...]
    rejected: AnsweredQuestion | None = None

    def texts(self, step: int, options: ModelSettings) -> list[ModelText]:
        """Put the turn down as a recorded episode keeps it; dollars only where the options have prices."""
        labels = tuple(decision.label for decision in self.decisions)
        last = self._text(step, options, self.question, self.reply, labels, self.decisions)
        if self.rejected is None:
            return [last]
        again = (ASKED_AGAIN,) * len(self.agents)
        rejected = self.rejected
        return [self._text(step, options, rejected.question, rejected.reply, again, rejected.decisions), last]

    def _text(
        self,
        step: int,
        options: ModelSettings,
        question: Question,
        reply: Reply,
        labels: tuple[str, ...],
        decisions: tuple[Decision, ...],
    ) -> ModelText:
        money = options.cost(reply.prompt_tokens, reply.completion_tokens, reply.prompt_tokens_cached)
        return ModelText(
            step=step,
            agents=self.agents,
            prompt=tuple(question.messages),
            answer=reply.text,
            labels=labels,
            prompt_tokens=reply.prompt_tokens,
            answer_tokens=reply.completion_tokens,
            money=None if math.isnan(money) else money,
            reasons=unless_empty(decision.how for decision in decisions),
        )

    @property
    def replies(self) -> list[Reply]:
        """All that was paid for: the answers to both questions, and the judge's."""
        first = [] if self.rejected is None else [self.rejected.reply]
        return [*first, self.reply, *(verdict.reply for verdict in self.verdicts if verdict.reply)]

    @property
    def reasons(self) -> list[str]:
        """Say for each agent why its answer is invalid ("": it is not)."""
        return [kind_of_fault(one.how) if one.label == "invalid" else "" for one in self.decisions]


def unless_empty(reasons: Iterable[str]) -> tuple[str, ...]:
    """Give back all reasons if there is one that says something, and else none."""
    given = tuple(reasons)
    return given if any(given) else ()


def kind_of_fault(how: str) -> str:
    """The reason of an invalid answer without its names and numbers, so that equal reasons can be counted."""
    return _DETAIL.sub("...", how)


@dataclass
class Account:
    """Sums over an episode. `failure` says why it failed, "" if it did not."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LABELS, 0))
    reasons: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    prompt_tokens_cached: int = 0
    completion_tokens: int = 0
    questions: int = 0
    reasked: int = 0
    skipped: int = 0
    judged: int = 0
    unjudged: int = 0
    failure: str = ""

    def add(self, turn: Turn) -> None:
        """Count a turn; an answer counts the same whether it was asked for now or came from the cache."""
        for decision in turn.decisions:
            self.counts[decision.label] += 1
        self.questions += 1 if turn.rejected is None else 2
        self.reasked += 0 if turn.rejected is None else len(turn.agents)
        self.reasons.update(reason for reason in turn.reasons if reason)
        asked = [verdict for verdict in turn.verdicts if verdict.label]
        self.judged += len(asked)
        self.unjudged += sum(verdict.label == "invalid" for verdict in asked)
        for reply in turn.replies:
            self.prompt_tokens += reply.prompt_tokens
            self.prompt_tokens_cached += reply.prompt_tokens_cached
            self.completion_tokens += reply.completion_tokens

    def columns(self, options: ModelSettings) -> dict[str, Any]:
        """Return for the results whether and why the episode failed, questions, answers, tokens and dollars."""
        return {
            "failed": float(bool(self.failure)),
            "failure": self.failure,
            "questions": float(self.questions),
            "questions_skipped": float(self.skipped),
            "answers": float(sum(self.counts.values())),
            **{f"answers_{label}": float(self.counts[label]) for label in LABELS},
            "answers_reasked": float(self.reasked),
            "invalid_reasons": json.dumps(dict(self.reasons.most_common())),
            "prompt_tokens": float(self.prompt_tokens),
            "prompt_tokens_cached": float(self.prompt_tokens_cached),
            "completion_tokens": float(self.completion_tokens),
            "cost": options.cost(self.prompt_tokens, self.completion_tokens, self.prompt_tokens_cached),
            "judged": float(self.judged),
            "judged_invalid": float(self.unjudged),
        }


def sum_columns(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add up the columns of those who ask models in one team; it has failed if one of them has."""
    summed = {
        name: sum(part[name] for part in parts) for name in parts[0] if name not in ("failure", "invalid_reasons")
    }
    reasons: Counter[str] = Counter()
    for part in parts:
        reasons.update(json.loads(part["invalid_reasons"]))
    failures = [part["failure"] for part in parts if part["failure"]]
    own = {"failed": float(bool(failures)), "failure": failures[0] if failures else ""}
    own["invalid_reasons"] = json.dumps(dict(reasons.most_common()))
    return {name: own[name] if name in own else summed[name] for name in parts[0]}
