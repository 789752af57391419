"""The text face: one agent's observation as a prompt, and an answer in JSON as a legal action.

Text is a rendering of the observation, never more: observations that are equal as arrays render to equal text. Beside
the numbers stand only words: the titles and facts of the workflow, each fact only where the agent understands that
facet, and what teammates wrote, only once it was read. Those words are data, and are marked as such (`words.quoted`).

Parts: `words` (names, quoting), `board` (observation -> text), `answer` (text -> action; needs pydantic).
"""

from c2c_env.text.board import FACT_THRESHOLD, Legal, Letter, Sight, legal_choices, look, render
from c2c_env.text.words import TEAM, WorkflowWords, agent_name, plain, quoted, subtask_name

__all__ = [
    "FACT_THRESHOLD",
    "TEAM",
    "Legal",
    "Letter",
    "Sight",
    "WorkflowWords",
    "agent_name",
    "legal_choices",
    "look",
    "plain",
    "quoted",
    "render",
    "subtask_name",
]
