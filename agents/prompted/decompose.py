"""The paper's first step: the manager turns a plain-text brief into a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import tomli_w
from pydantic import Field

from agents.prompted.backends import Question, Reply, RequestFailedError
from agents.prompted.backends.base import Message
from agents.prompted.client.client import Client
from agents.prompted.prompted_team import read_answer
from agents.prompted.strategies.base import template
from c2c_env.disk import read_text
from c2c_env.errors import C2CError, ConfigError, WorkflowError
from c2c_env.text.answer import AnswerError, Form
from c2c_env.text.names import one_line, quoted
from c2c_env.workflows.loader import parse_workflow

CORRECTIONS = 2  # times that faults are fed back
LEAST, MOST = 5, 34  # subtasks that are asked for
PLAN_TOKENS = 16_000  # of the answer, unless max_tokens is given; a workflow is long
MAX_BRIEF = 20_000  # characters
MAX_FAULTS = 20  # that are fed back at once


class DecompositionError(C2CError, ValueError):
    """The model gave no valid workflow."""


class Facts(Form):
    """A sentence or two a facet."""

    intent: str
    interface: str
    constraints: str
    context: str


class PlannedSubtask(Form):
    """A subtask as the model gives it."""

    id: str
    title: str
    domain: Literal["backend", "frontend", "data", "infrastructure", "quality"]
    effort: float = Field(description="hours")
    complexity: float = Field(description="0.75 to 2.5")
    prerequisites: list[str]
    facts: Facts


class PlannedWorkflow(Form):
    """A workflow as the model gives it; the brief is added to it."""

    name: str
    title: str
    tier: Literal["simple", "medium", "complex"]
    subtasks: list[PlannedSubtask]


def decompose(brief: str, client: Client, model: str, num_agents: int) -> str:
    """The text of a workflow file.

    Raises:
        DecompositionError: no valid workflow after `CORRECTIONS` corrections, or no answer.
    """
    prompt = template("decompose").substitute(
        num_agents=num_agents, least=LEAST, most=MOST, brief=quoted(brief, MAX_BRIEF)
    )
    messages: list[Message] = [("user", prompt)]
    faults: list[str] = []
    for _ in range(1 + CORRECTIONS):
        most = client.options.max_tokens or PLAN_TOKENS
        question = Question(model, tuple(messages), PlannedWorkflow, max_tokens=most)
        reply = ask(client, question)
        try:
            planned, _ = read_answer(question, reply)
            text = to_toml(planned, brief)
            parse_workflow(text, where="the model's workflow")
            return text
        except AnswerError as error:
            faults = [str(error)]
        except WorkflowError as error:
            faults = list(error.faults) or [str(error)]
        messages += [("assistant", reply.text or "-"), ("user", correction(faults))]
    raise DecompositionError(f"no valid workflow after {CORRECTIONS} corrections; left: {'; '.join(faults)}")


def ask(client: Client, question: Question) -> Reply:
    """Ask one question from outside the loop of the client."""
    try:
        return client.run([partial(client.ask, lambda: question)])[0]
    except RequestFailedError as error:
        raise DecompositionError(f"the model gave no answer: {error}") from None


def correction(faults: Sequence[str]) -> str:
    """Write what is fed back to the model."""
    lines = "\n".join(f"- {one_line(fault, 200)}" for fault in faults[:MAX_FAULTS])
    return f"That is no valid workflow:\n{lines}\nAnswer again with the whole corrected JSON object and nothing else."


# --- as a file ------------------------------------------------------------------------------------------------


def to_toml(planned: PlannedWorkflow, brief: str) -> str:
    """Write the text of a workflow file."""
    return tomli_w.dumps(_printable({**planned.model_dump(), "brief": brief}))


def _printable(value: Any) -> Any:
    """The same with all texts free of control characters, line by line."""
    if isinstance(value, str):
        return "\n".join(map(one_line, value.splitlines()))
    if isinstance(value, list):
        return [_printable(part) for part in value]
    return {name: _printable(part) for name, part in value.items()} if isinstance(value, dict) else value


def read_brief(path: str) -> str:
    """Read the text of the brief."""
    text = read_text(path, "the brief", ConfigError)
    if not text.strip():
        raise ConfigError(f"the brief {path!r} is empty")
    return text
