"""What every backend takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from agents.prompted.settings import ModelSettings
from c2c_env.text.answer import json_schema

Message = tuple[str, str]  # role, content
ANSWER_TOKENS = 512  # hold what one agent can have to say in an answer, and some prose around it
GOES_ON = "what was answered is kept, and the same command goes on from here"  # for whoever a run stops under

# notes of replies
TOOL_CALL, CUT_OFF, NOTHING_SAID, REFUSAL = "tool call", "cut off", "no answer", "refusal"
WRONG_TOOL = "a call of another tool"
UNUSABLE = (NOTHING_SAID, REFUSAL, WRONG_TOOL)
LOCAL_DECODING = 2  # of answers in a local folder; another number has everything asked anew


@dataclass(frozen=True)
class Question:
    """A prompt, and the form that its answer is to have.

    Attributes:
        sample: tells apart questions that are asked several times for different answers.
        max_tokens: most tokens of the answer.
    """

    model: str
    messages: tuple[Message, ...]
    form: type[BaseModel]
    sample: int = 0
    max_tokens: int = ANSWER_TOKENS

    @property
    def most_tokens(self) -> int:
        """No tokenizer makes more of the prompt."""
        schema = len(str(json_schema(self.form)))
        return schema + sum(len(content.encode()) + 16 for _, content in self.messages)

    def content(self, options: ModelSettings) -> dict[str, Any]:
        """Everything that determines the answer."""
        return {
            "model": self.model,
            "messages": self.messages,
            "schema": json_schema(self.form),
            "sample": self.sample,
            "max_tokens": self.max_tokens,
            **options.asked_with,
            **({"decoding": LOCAL_DECODING} if options.backend == "transformers" else {}),
        }


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        text: of the answer, or "".
        note: "" or what is special: a tool call though none was asked for, cut off (which a whole answer survives), or
            one of `UNUSABLE`.
        seconds: that the attempt which succeeded took.
        cached: nothing was asked now.
        prompt_tokens_cached: those of the prompt that the server says it had in its own cache.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    note: str = ""
    cached: bool = False
    prompt_tokens_cached: int = 0

    def kept(self) -> dict[str, Any]:
        """The reply as the cache keeps it; without tokens from a server's cache where there are none."""
        left_out = ("cached",) if self.prompt_tokens_cached else ("cached", "prompt_tokens_cached")
        return {name: value for name, value in asdict(self).items() if name not in left_out}

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> Reply | None:
        """Make a reply of what the cache kept; None if that is not one."""
        try:
            prompt = int(kept["prompt_tokens"])
            return cls(
                str(kept["text"]),
                prompt,
                int(kept["completion_tokens"]),
                float(kept["seconds"]),
                str(kept["note"]),
                cached=True,
                prompt_tokens_cached=min(max(0, int(kept.get("prompt_tokens_cached", 0))), prompt),
            )
        except (KeyError, TypeError, ValueError):
            return None


class PassingError(Exception):
    """An attempt failed in a way that may pass.

    Attributes:
        wait: seconds that the server asks for, or None.
        paid: the server may have worked for it, and charge.
        unreachable: there was no server.
    """

    def __init__(self, what: str, *, wait: float | None = None, paid: bool = False, unreachable: bool = False) -> None:
        super().__init__(what)
        self.wait, self.paid, self.unreachable = wait, paid, unreachable


class RequestFailedError(Exception):
    """A question gets no answer; its episode has failed."""


class Backend(Protocol):
    """A source of answers; used from one event loop."""

    async def check(self, model: str) -> None:
        """Raise an `EndpointError` if this model cannot be used."""

    async def complete(self, question: Question) -> Reply:
        """One attempt.

        Raises:
            PassingError: to be tried again.
            RequestFailedError: not to be tried again.
            EndpointError: nothing will ever come from here.
        """

    async def close(self) -> None:
        """Let go of connections."""
