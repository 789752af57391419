"""The optional judge, which is the paper's own mechanism: a second prompt scores what a message's words are worth.

The score scales tau, the share of the gap in understanding that the message closes. What cannot be scored (no words, an
answer of the judge that is none) has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from agents.prompted.backends import Question, Reply
from agents.prompted.backends.base import ANSWER_TOKENS
from agents.prompted.strategies.base import template
from c2c_env.core import constants as c
from c2c_env.text.answer import AnswerError, Decision, Form, read_json, validate
from c2c_env.text.names import WorkflowWords, one_line, quoted, subtask_name
from c2c_env.text.observation_text import FACT_THRESHOLD, Sight
from c2c_env.workflows.schema import FACETS

JUDGED = (c.CHAT_TELL, c.EMAIL_TELL, c.MEET, c.ASSIGN)  # an ask moves no understanding


class Score(Form):
    """The judge's answer."""

    score: float = Field(ge=0.0, le=1.0, description="0: the words convey nothing, 1: all that the sender knows")


@dataclass(frozen=True)
class Verdict:
    """What a message counts, how that came about, and what it cost."""

    factor: float
    label: str
    how: str
    reply: Reply | None = None


EVERYTHING = Verdict(1.0, "", "")  # of what no judge looks at
NO_WORDS = Verdict(0.0, "valid", "no words")


def is_judged(decision: Decision) -> bool:
    """Whether a decision sends something that moves understanding."""
    return decision.action[1] in JUDGED


def judge_question(
    model: str, sight: Sight, words: WorkflowWords, decision: Decision, max_tokens: int | None = None
) -> Question:
    """Ask how much the words of a message convey of what its sender understands."""
    _, speech, _, k = decision.action
    known = [
        f"- {facet}: {words.facts[k].get(facet, 'understood')}"
        for f, facet in enumerate(FACETS)
        if sight.understanding[k, f] >= FACT_THRESHOLD
    ]
    user = template("judge").substitute(
        speech=c.SPEECHES[speech],
        subtask=subtask_name(k),
        title=words.titles[k],
        known="\n".join(known) or "- nothing for sure",
        text=quoted(decision.text),
    )
    return Question(model, (("user", user),), Score, max_tokens=max_tokens or ANSWER_TOKENS)


def read_verdict(reply: Reply) -> Verdict:
    """The score in the judge's answer."""
    repairs: list[str] = []
    try:
        data, repairs = read_json(reply.text)
        score = validate(Score, data, repairs)
    except AnswerError as error:
        return Verdict(0.0, "invalid", one_line(str(error), 200), reply)
    return Verdict(score.score, "repaired" if repairs else "valid", "; ".join(repairs), reply)
