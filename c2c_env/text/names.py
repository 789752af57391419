"""Names in prompts, and how words that somebody else wrote are kept apart from those of the prompt."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from c2c_env.workflows.schema import DOMAINS, FACETS, Workflow

TEAM = "team"  # the recipient that stands for everybody
MAX_LETTER = 600  # characters of a message that are passed on
_MARGIN = "| "
_BAR = r"[|\uff5c]"  # the bar of most templates, and the wide one of DeepSeek's
# names of control tokens that could be names of anything; one with an underscore or a colon is taken for one anyway
_IN_ANGLES = (
    "s|unk|pad|bos|eos|mask|sep|cls|eod|eop|sop|eoh|eoa|eot|pre|suf|mid|ai|human|system|user|assistant|bot|think|thinking"
    "|thought|reasoning|answer|final|analysis|tools?|image|img|video|audio|quad|ref|box|reponame|filename|turn|channel"
    "|(?:unused|extra|reserved|special|0x)[0-9a-f]+"
)
_IN_BRACKETS = (
    "inst|sys|cls|sep|g?mask|smask|pad|unk|bos|eos|eot|img|audio|transcribe|think|args|prefix|middle|suffix|multimodal"
    r"|@\w+@|unused\d+"
)
_CONTROL = re.compile(
    "|".join(
        [
            rf"<(?={_BAR})",  # <|im_start|>
            rf"<(?=/?(?:{_IN_ANGLES})>)",  # </s>, <think>
            r"<(?=/?[\w:\u2581]*[_:\u2581][\w:\u2581]*>)",  # <start_of_turn>, <minimax:tool_call>
            rf"<(?=[\w\u2581]+{_BAR}>)",  # <turn|>
            r"<(?=</?SYS>>)",  # <<SYS>>
            rf"\[(?={_BAR})",  # [|endofturn|]
            rf"\[(?=/?(?:{_IN_BRACKETS})\])",  # [/INST]
            r"\[(?=/?\w*_\w*\])",  # [TOOL_CALLS]
            r"\[(?=e~\[)|\](?=~!?b)",  # ]~b], [e~[
            r">(?=>[A-Z]+<<)",  # >>TITLE<<
            r"\|(?=\|\|[A-Z_]+\|\|\|)",  # |||IP_ADDRESS|||
        ]
    ),
    re.IGNORECASE,
)


def agent_name(index: int) -> str:
    """Name an agent as `Team.agents` does."""
    return f"worker_{index}" if index else "manager_0"


def subtask_name(index: int) -> str:
    """Name a subtask as prompts and answers do."""
    return f"s{index}"


def one_line(text: str, limit: int | None = None) -> str:
    """Put a text on one line, without control characters and double blanks, and cut it at `limit` characters.

    What a tokenizer could take for a control token is broken up, see `without_control_tokens`.
    """
    kept = "".join(ch for ch in text if ch.isspace() or unicodedata.category(ch)[0] != "C")
    shown = without_control_tokens(" ".join(kept.split()))
    return shown if limit is None or len(shown) <= limit else shown[: limit - 3] + "..."


def without_control_tokens(text: str) -> str:
    """Put a blank behind the first character of what chat templates use as control tokens: `< |im_start|>`, `[ INST]`.

    Tokenizers of local models turn such words into what begins or ends a message, whoever wrote them.
    """
    return _CONTROL.sub(lambda found: f"{found.group()} ", text)


def without_controls(text: str) -> str:
    """Leave out characters that could steer a terminal or turn the direction of words; lines stay lines."""
    return "".join(ch for ch in text if ch == "\n" or unicodedata.category(ch)[0] != "C")


def quoted(text: str, limit: int = MAX_LETTER) -> str:
    """Quote somebody's words in lines that each begin with a bar, so that nothing in them can end the quotation."""
    lines = [one_line(line) for line in text.splitlines()]
    kept = "\n".join(line for line in lines if line)
    cut = kept if len(kept) <= limit else kept[: limit - 3] + "..."
    return "\n".join(_MARGIN + line for line in cut.split("\n"))


@dataclass(frozen=True)
class WorkflowWords:
    """The words of a workflow without its numbers, which agents read from their observations.

    Attributes:
        titles: one for each subtask.
        facts: for each subtask, the sentences of each facet.
        domains: their names, in the order of skills; without commas, which separate the cells of tables.
    """

    titles: tuple[str, ...]
    facts: tuple[Mapping[str, str], ...]
    domains: tuple[str, ...] = DOMAINS

    @classmethod
    def of(cls, workflow: Workflow) -> WorkflowWords:
        """Take the words of a workflow, each put on one line."""
        titles = tuple(one_line(subtask.title or subtask.id) for subtask in workflow.subtasks)
        facts = tuple(
            {facet: one_line(subtask.facts[facet]) for facet in FACETS if subtask.facts.get(facet)}
            for subtask in workflow.subtasks
        )
        return cls(titles, facts, tuple(one_line(name).replace(",", ";") for name in workflow.domains))
