"""One agent's observation as a prompt, and an answer in JSON as a legal action.

Text is a rendering of the observation, never more: observations that are equal as arrays render to equal text. Beside
the numbers stand only words: the titles and facts of the workflow, each fact only where the agent understands that
facet, and what teammates wrote, only once it was read. Those words are data, and are marked as such (`names.quoted`).

Parts: `names` (names, quoting), `observation_text` (observation -> text), `answer` (text -> action; needs pydantic).
"""

from c2c_env.text.names import TEAM, WorkflowWords, agent_name, one_line, quoted, subtask_name
from c2c_env.text.observation_text import FACT_THRESHOLD, LegalChoices, Letter, Sight, legal_choices, look, render

__all__ = [
    "FACT_THRESHOLD",
    "TEAM",
    "LegalChoices",
    "Letter",
    "Sight",
    "WorkflowWords",
    "agent_name",
    "legal_choices",
    "look",
    "one_line",
    "quoted",
    "render",
    "subtask_name",
]
