"""What a strategy is: prompts from sights, and a memory of what was answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, ClassVar

from pydantic import BaseModel

from agents.prompted.backends.base import ANSWER_TOKENS, Message
from agents.prompted.mail import KEPT_STEPS, MOST_LETTERS
from c2c_env.config import TIER_VOLATILITY, EnvConfig
from c2c_env.core.alignment import gap_closed
from c2c_env.core.constants import CHANNELS, SILENT, SPEECHES
from c2c_env.errors import ConfigError
from c2c_env.text.answer import Choice, Decision, Work
from c2c_env.text.names import MAX_LETTER, TEAM, WorkflowWords, agent_name, one_line, subtask_name
from c2c_env.text.observation_text import Sight, number_of_steps, plain_number, render
from c2c_env.workflows.pack import gap_share
from c2c_env.workflows.schema import FACETS

PROMPT_FOLDER = Path(__file__).parent
EXAMPLE_COMPLEXITY = 1.5  # of the subtask in the rules' worked example


@cache
def template(name: str) -> Template:
    """A prompt template of this folder; what is filled in is never read as a template."""
    return Template((PROMPT_FOLDER / f"{name}.md").read_text(encoding="utf-8").strip())


def rules(config: EnvConfig, speaks: bool = True) -> str:
    """The rules of the game with the numbers of this configuration; without those of messages for who cannot speak."""
    values: dict[str, Any] = {
        name: plain_number(getattr(config, name))
        for name in (
            "dt", "alignment_floor", "manager_intent", "initial_intent", "initial_interface", "initial_context",
            "constraints_exponent", "answer_exponent", "rework_probability", "rework_share", "intent_retention",
        )
    }  # fmt: skip
    values |= {"expiry": config.request_expiry, "context_gain": plain_number(-math.expm1(-config.context_rate))}
    for name in CHANNELS:
        channel = getattr(config, name)
        values |= {f"{name}_send": plain_number(channel.send_hours), f"{name}_read": plain_number(channel.read_hours)}
        values |= {
            f"{name}_steps": number_of_steps(channel.latency),
            f"{name}_richness": plain_number(channel.richness),
        }
    weights = zip(FACETS, config.facet_weights, strict=True)
    values["weights"] = ", ".join(f"{facet} {plain_number(weight)}" for facet, weight in weights)
    values |= {"letter": MAX_LETTER, "kept_steps": KEPT_STEPS, "most_letters": MOST_LETTERS}
    values["change"] = requirement_change(config)
    values["variants"] = variants_rule(config.hidden_facts)
    values["exclusive"] = " Whoever speaks does no work in that step." if config.exclusive_actions else ""
    values |= worked_example(config)
    parts = ["rules", "rules_of_messages"] if speaks else ["rules"]
    return "\n\n".join(template(part).substitute(values) for part in parts)


def variants_rule(count: int) -> str:
    """What hidden facts ask for; "" without them."""
    if not count:
        return ""
    return (
        f"\n\nVariants. Every subtask can be built in {count} variants, numbered from 0, of which one is wanted. The"
        "\nmanager knows which, and sees it listed. Work in another variant takes its hours, but makes no progress and"
        "\nteaches nothing; whoever makes progress has found the wanted one, and sees it listed from then on."
        '\nGive the variant beside your work as "variant"; null takes the one that you know, else guesses.'
    )


def requirement_change(config: EnvConfig) -> str:
    """How probable it is that the requirements of a subtask change in a step."""
    if config.volatility is not None:
        return plain_number(config.volatility)
    return ", ".join(f"{plain_number(share)} ({tier} workflows)" for tier, share in TIER_VOLATILITY.items())


def worked_example(config: EnvConfig) -> dict[str, str]:
    """What the manager's chat about the intent does to a worker, unasked and as an answer, for the rules."""
    sender, reader, complexity = config.manager_intent, config.initial_intent, EXAMPLE_COMPLEXITY
    values = {"example_complexity": plain_number(complexity)}
    for way, share in (("told", 1.0), ("answer", config.answer_exponent)):
        tau = gap_share(config.chat.richness, complexity, share)
        values |= {f"{way}_power": plain_number(share * complexity), f"{way}_tau": plain_number(tau)}
        values |= {f"{way}_after": plain_number(reader + gap_closed(tau, sender, reader))}
    return values


class Strategy:
    """Asks for a `Choice` with the template of its own name; subclasses say more.

    Attributes:
        argument: what may stand behind the strategy's name and a colon; "" takes nothing.
        joint: one question for the whole team instead of one an agent.
        clocked: what it asks for depends on the number of the step, so that it must be asked in every one.
        speaks: whether its agents have messages at all; else its prompts say nothing of them.
        form: what an answer is to look like. Decoding that is constrained by a schema writes the fields in the order of
            the schema, so what is to be thought of before the action has to stand before it: pydantic lists the fields
            of a form's last base first, as in `class Reasoned(Choice, Thought)`.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    argument: ClassVar[str] = ""
    joint: ClassVar[bool] = False
    clocked: ClassVar[bool] = False
    speaks: ClassVar[bool] = True
    form: ClassVar[type[BaseModel]] = Choice

    def __init__(self, config: EnvConfig, num_agents: int, argument: str = "") -> None:
        if argument and not self.argument:
            raise ConfigError(f"strategy {self.name} takes no argument, got {argument!r}")
        self.config, self.num_agents = config, num_agents
        self.rules = rules(config, self.speaks)

    def start(self) -> Any:
        """Memory of an agent (of the team, if joint) at the start of an episode."""
        return None

    @property
    def answer_tokens(self) -> int:
        """Tokens that the longest sensible answer takes, at three characters a token, with some room to spare.

        The choice of one agent takes 250 at most (120 characters of keys and names, and `MAX_LETTER` of words). What
        a strategy asks for beside it is added, and so are the choices of all agents where it is joint.
        """
        return ANSWER_TOKENS

    def messages(self, sights: Sequence[Sight], words: WorkflowWords, memory: Any) -> tuple[Message, ...]:
        """The prompt: rules and role from the system, the board from the user.

        Servers keep what prompts begin with alike, so what all agents of a team have in common stands first: the system
        says no agent's name, and `render` puts what never changes before what does.
        """
        (sight,) = sights
        return (("system", self.system(sight)), ("user", self.user(sight, words, memory)))

    def system(self, sight: Sight) -> str:
        """What does not change within an episode, and is the same for all agents of one role."""
        return template(self.name).substitute(rules=self.rules)

    def user(self, sight: Sight, words: WorkflowWords, memory: Any) -> str:
        """The observation, and what is remembered."""
        return render(sight, words, speaks=self.speaks)

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
    variant = "" if decision.variant is None else f" in variant {decision.variant}"
    done = f"work on {subtask_name(work - 1)}{variant}" if work else "no work"
    if speech == SILENT:
        return f"{done}, silent"
    to = TEAM if recipient == legal_team else agent_name(recipient)
    return f"{done}, {SPEECHES[speech]} to {to} about {subtask_name(topic)}"
