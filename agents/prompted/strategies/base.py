"""What a strategy is: prompts from sights, and a memory of what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, ClassVar

from pydantic import BaseModel

from agents.prompted.backends.base import Message
from c2c_env.config import EnvConfig
from c2c_env.core.constants import SILENT, SPEECHES
from c2c_env.errors import ConfigError
from c2c_env.text.answer import Choice, Decision, Work
from c2c_env.text.names import TEAM, WorkflowWords, agent_name, one_line, subtask_name
from c2c_env.text.observation_text import Sight, render

PROMPT_FOLDER = Path(__file__).parent


@cache
def template(name: str) -> Template:
    """A prompt template of this folder; what is filled in is never read as a template."""
    return Template((PROMPT_FOLDER / f"{name}.md").read_text(encoding="utf-8").strip())


def rules(config: EnvConfig) -> str:
    """The rules of the game with the numbers of this configuration."""
    values: dict[str, Any] = {"step": f"{config.dt:g}", "expiry": config.request_expiry}
    for name in ("chat", "email", "meeting"):
        channel = getattr(config, name)
        values |= {f"{name}_send": f"{channel.send_hours:g}", f"{name}_read": f"{channel.read_hours:g}"}
        values |= {f"{name}_steps": channel.latency, f"{name}_richness": f"{channel.richness:g}"}
    weights = zip(("intent", "interface", "constraints", "context"), config.facet_weights, strict=True)
    values["weights"] = ", ".join(f"{facet} {weight:g}" for facet, weight in weights)
    values["exclusive"] = " Whoever speaks does no work in that step." if config.exclusive_actions else ""
    return template("rules").substitute(values)


class Strategy:
    """Asks for a `Choice` with the template of its own name; subclasses say more.

    Attributes:
        argument: what may stand behind the strategy's name and a colon; "" takes nothing.
        joint: one question for the whole team instead of one an agent.
        form: what an answer is to look like.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    argument: ClassVar[str] = ""
    joint: ClassVar[bool] = False
    form: ClassVar[type[BaseModel]] = Choice

    def __init__(self, config: EnvConfig, num_agents: int, argument: str = "") -> None:
        if argument and not self.argument:
            raise ConfigError(f"strategy {self.name} takes no argument, got {argument!r}")
        self.config, self.num_agents = config, num_agents
        self.rules = rules(config)

    def start(self) -> Any:
        """Memory of an agent (of the team, if joint) at the start of an episode."""
        return None

    def messages(self, sights: Sequence[Sight], words: WorkflowWords, memory: Any) -> tuple[Message, ...]:
        """The prompt: rules and role from the system, the board from the user."""
        (sight,) = sights
        return (("system", self.system(sight)), ("user", self.user(sight, words, memory)))

    def system(self, sight: Sight) -> str:
        """What does not change within an episode."""
        return template(self.name).substitute(rules=self.rules, name=sight.name)

    def user(self, sight: Sight, words: WorkflowWords, memory: Any) -> str:
        """The observation, and what is remembered."""
        return render(sight, words)

    def form_of(self, sights: Sequence[Sight], memory: Any) -> type[BaseModel]:
        """The form for this step."""
        return self.form

    def choices(self, answer: Any, sights: Sequence[Sight]) -> list[Work | None]:
        """The choice of each of the agents asked about; None where the answer has none."""
        return [answer]

    def remember(self, memory: Any, sights: Sequence[Sight], answer: Any, decisions: Sequence[Decision]) -> None:
        """After a step; `answer` is None where there was none that could be read."""


def in_words(decision: Decision, legal_team: int) -> str:
    """An action as a line for a later prompt."""
    if decision.label == "invalid":
        return f"your answer was invalid ({one_line(decision.how, 100)}), so you did nothing"
    work, speech, recipient, topic = decision.action
    done = f"work on {subtask_name(work - 1)}" if work else "no work"
    if speech == SILENT:
        return f"{done}, silent"
    to = TEAM if recipient == legal_team else agent_name(recipient)
    return f"{done}, {SPEECHES[speech]} to {to} about {subtask_name(topic)}"
