"""Prompted teams as a `Policy`: `prompted:STRATEGY@MODEL`, or `prompted:STRATEGY:ARGUMENT@MODEL`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from agents.policy import Array, PolicyContext, choose_known_variants, no_actions
from agents.prompted.accounts import Account, AnsweredQuestion, Turn
from agents.prompted.backends import CUT_OFF, UNUSABLE, Question, Reply, RequestFailedError
from agents.prompted.client.client import Asker, client_of
from agents.prompted.judge import EVERYTHING, NO_WORDS, Verdict, is_judged, judge_question, read_verdict
from agents.prompted.mail import Mail
from agents.prompted.news import LastAnswer, calls_for_question
from agents.prompted.prefixes import PromptPrefixes
from agents.prompted.settings import ModelSettings
from agents.prompted.strategies import STRATEGIES, Strategy
from agents.prompted.transcript import TranscriptFile, TranscriptWriter
from c2c_env import Batch
from c2c_env.core import constants as c
from c2c_env.envs.spaces import action_sizes
from c2c_env.episodes.episode import ModelText
from c2c_env.errors import ConfigError, unknown_name
from c2c_env.text.answer import AnswerError, Decision, decide, read_json, validate, with_legal_choices, with_variant
from c2c_env.text.names import WorkflowWords, one_line, without_control_tokens, without_controls
from c2c_env.text.observation_text import Letter, Sight, legal_choices, look

FORM = "prompted:STRATEGY@MODEL, such as prompted:c2c@gpt-5-mini"
SHOWN_AGAIN = 4000  # characters of an invalid answer that stand in the second question, from its beginning


@dataclass(frozen=True)
class Asking:
    """A question to be asked: about which agents of an environment, and where they stand among the rows."""

    env: int
    agents: tuple[int, ...]
    places: tuple[int, ...]


@runtime_checkable
class KeepsSteps(Protocol):
    """A strategy whose prompts hold earlier steps, at most so many."""

    remembered: int


def make(context: PolicyContext, argument: str) -> PromptedTeam:
    """Make the team, with a model that can be asked; this is what the registry calls."""
    team = PromptedTeam(context, argument)
    client = client_of(team.options)
    client.check(team.model)
    team.client = client
    return team


def make_unconnected(context: PolicyContext, argument: str) -> PromptedTeam:
    """Make the team without a model: it can measure its questions, which needs neither a key nor a server."""
    return PromptedTeam(context, argument)


def split_argument(argument: str) -> tuple[str, str, str]:
    """Strategy, its argument and model."""
    name, _, model = argument.partition("@")
    strategy, _, extra = name.partition(":")
    if not strategy or not model:
        raise ConfigError(f"prompted policies are named {FORM}; got 'prompted:{argument}'")
    if strategy not in STRATEGIES:
        raise ConfigError(unknown_name("strategy", strategy, STRATEGIES))
    return strategy, extra, model


def limit_history(strategy: Strategy, history: int) -> None:
    """Have a strategy put at most so many earlier steps into its prompts.

    Raises:
        ConfigError: it puts none there anyway.
    """
    if not isinstance(strategy, KeepsSteps):
        keeping = ", ".join(name for name, one in STRATEGIES.items() if hasattr(one, "remembered"))
        raise ConfigError(
            f"strategy {strategy.name!r} has no history of steps; history is {history}, expected none, or a strategy"
            f" that has one: {keeping}"
        )
    strategy.remembered = history


class PromptedTeam:
    """Every agent's view is put to a model, all agents of all environments side by side.

    Where the options say so, only those are asked for whom something has changed; the others work on. An answer that
    cannot be used is silent no-work. A question that gets no answer fails its episode: its agents do
    nothing from then on, and nothing more is asked.
    """

    def __init__(self, context: PolicyContext, argument: str) -> None:
        strategy, extra, self.model = split_argument(argument)
        if context.config.action_format != "multi_discrete":
            raise ConfigError("prompted policies need action_format='multi_discrete', got 'discrete'")
        if context.words is None:
            raise ConfigError("prompted policies need the words of workflows: give PolicyContext words")
        self.context, self.words_of = context, context.words
        self.options = ModelSettings.of(context.options)
        self.strategy: Strategy = STRATEGIES[strategy](context.config, context.num_agents, extra)
        if self.strategy.clocked and self.options.ask == "events":
            raise ConfigError(
                f"strategy {strategy!r} has to be asked in every step; ask is 'events', expected 'always'"
            )
        if self.strategy.joint and self.options.legal_only:
            raise ConfigError(
                f"strategy {strategy!r} asks for all agents at once; legal_only is true, expected a strategy that"
                " asks each"
            )
        if self.options.history is not None:
            limit_history(self.strategy, self.options.history)
        self.name = f"prompted:{argument}"
        self.max_tokens = self.options.max_tokens or self.strategy.answer_tokens
        self.client: Asker  # whoever makes a team gives it one; without it, questions can be measured but not asked
        sizes = context.layout.sizes
        self._sizes = action_sizes(context.config, sizes["A"], sizes["K"])
        self._steps = np.zeros(context.num_rows, dtype=np.int64)
        self._memory: dict[int, Any] = {}
        self._standing: dict[int, LastAnswer] = {}  # by row; only where questions depend on events
        self._words: dict[int, WorkflowWords] = {}
        self._post: dict[int, Mail] = {}
        self._accounts: dict[int, Account] = {}
        self.turns: dict[int, list[Turn]] = {}  # of the last step, by environment
        self._factors = np.ones(context.num_rows)
        self._peers: Sequence[PromptedTeam] = (self,)

    def join(self, peers: Sequence[PromptedTeam]) -> None:
        """Play in a mixed team: words reach the agents of all peers, and when one fails an episode, all stop in it.

        Args:
            peers: the prompted members, of which this is one. They are reset together.
        """
        self._peers, self._post = peers, peers[0]._post

    # --- Policy ----------------------------------------------------------------------------------------------

    def reset(self, rows: Array) -> None:
        """Forget what is remembered of these rows."""
        n = self.context.num_agents
        self._steps[rows] = 0
        for row in rows.tolist():
            self._memory[row] = self.strategy.start()
            self._standing.pop(row, None)
        for env in np.unique(rows // n).tolist():
            self._post[env] = Mail(self.context.config, self.context.layout)
            self._accounts[env] = Account()
            self._words[env] = self.words_of(env)

    def act(self, observations: Array, action_masks: Array, rows: Array) -> Array:
        """Actions [R, parts]; see `agents.policy.Policy`."""
        playing = [asking for asking in self._askings(rows) if not self._has_failed(asking.env)]
        resting = self._resting(playing, observations, action_masks)
        left_out = set(resting)
        askings = [asking for asking in playing if asking not in left_out]
        jobs = [partial(self._ask, asking, observations, action_masks) for asking in askings]
        actions = no_actions(self.context.config, len(rows))
        self._factors[rows] = 1.0
        self.turns = {}
        for asking, turn in zip(askings, self.client.run(jobs), strict=True):
            if turn is not None:
                self._note(asking, turn)
        turns = [turn for of_env in self.turns.values() for turn in of_env]
        steps = len({asking.env for asking in playing})
        self.client.note(self.name, steps, [reason for turn in turns for reason in turn.reasons])
        for asking in askings:  # an episode that has failed in this step does nothing in it
            if not self._accounts[asking.env].failure:
                self._carry_out(asking, observations, rows, actions)
        for asking in resting:
            if not self._accounts[asking.env].failure:
                self._go_on(asking, observations, actions)
        self._steps[rows] += 1
        return actions

    def message_factors(self, rows: Array) -> Array | None:
        """What the judge says of the messages of the last `act`; see `agents.policy.Judging`."""
        return self._factors[rows] if self.options.judge else None

    def episode_columns(self, env: int) -> dict[str, Any]:
        """Labels, tokens and cost; see `agents.policy.Accounting`."""
        return self._accounts[env].columns(self.options)

    def letters_to(self, agent: int, step: int, observation: Array) -> tuple[Letter, ...]:
        """The words that somebody who does not follow this policy has read; see `agents.policy.Writing`."""
        return self._post[0].letters(agent, step, observation)

    def start_transcripts(
        self, batch: Batch, name: str, seeds: Sequence[int], paths: Sequence[Path]
    ) -> TranscriptWriter:
        """See `agents.policy.Transcribing`."""
        return TranscriptWriter(batch, self, name, seeds, [TranscriptFile(path) for path in paths])

    def model_texts(self, env: int, step: int) -> list[ModelText]:
        """See `c2c_env.episodes.recorder.Verbal`."""
        return [text for turn in self.turns.get(env, []) for text in turn.texts(step, self.options)]

    def model_failure(self, env: int) -> str:
        """See `c2c_env.episodes.recorder.Verbal`."""
        return self._accounts[env].failure

    def _has_failed(self, env: int) -> bool:
        return any(peer.model_failure(env) for peer in self._peers)

    @property
    def num_asked(self) -> int:
        """How many agents of an environment a model decides for."""
        return self.context.num_agents

    def measure(
        self, observations: Array, action_masks: Array, rows: Array, earlier: PromptPrefixes
    ) -> list[tuple[int, int, int]]:
        """Measure every question that `act` would ask, without asking it.

        Returns:
            For each its environment, the characters of its prompt, and how many of them `earlier` prompts begin with.
        """
        sizes = []
        for asking in self._askings(rows):
            question = self._question(asking, self._look(asking, observations, action_masks))
            prompt = "".join(content for _, content in question.messages)
            sizes.append((asking.env, len(prompt), earlier.shared(asking.env, self.model, prompt)))
        return sizes

    def questions(
        self, observations: Array, action_masks: Array, rows: Array
    ) -> list[tuple[tuple[int, ...], Question]]:
        """Every question that `act` would ask, with the agents that it is about, without asking it."""
        askings = self._askings(rows)
        return [(one.agents, self._question(one, self._look(one, observations, action_masks))) for one in askings]

    # --- which questions are asked ---------------------------------------------------------------------------

    def _resting(self, playing: Sequence[Asking], observations: Array, masks: Array) -> list[Asking]:
        """Those for whose agents nothing that matters has changed; what they see is kept for the next step."""
        if self.options.ask == "always":
            return []
        resting = []
        for asking in playing:
            sights = self._look(asking, observations, masks)
            rows = [self._row(asking.env, agent) for agent in asking.agents]
            pairs = list(zip(rows, sights, strict=True))
            if not any(calls_for_question(self._standing.get(row), sight) for row, sight in pairs):
                resting.append(asking)
                self._standing |= {row: self._standing[row].seeing(sight) for row, sight in pairs}
        return resting

    def _go_on(self, asking: Asking, observations: Array, actions: Array) -> None:
        """Have the agents of a question that is not asked work on in silence."""
        self._accounts[asking.env].skipped += 1
        for agent, place in zip(asking.agents, asking.places, strict=True):
            standing = self._standing[self._row(asking.env, agent)]
            self._write(place, standing.silent_work, standing.decision.variant, observations, actions)

    def _write(
        self, place: int, action: tuple[int, ...], variant: int | None, observations: Array, actions: Array
    ) -> None:
        """Write an action of an agent, with a variant where there are some and it names none."""
        actions[place, : c.SYMBOL] = action
        choose_known_variants(actions[place : place + 1], observations[place : place + 1], self.context.layout)
        if variant is not None:
            actions[place, -1] = variant

    # --- one question ----------------------------------------------------------------------------------------

    def _askings(self, rows: Array) -> list[Asking]:
        """One asking for each row, or one for each environment if the strategy is joint."""
        n = self.context.num_agents
        single = [Asking(row // n, (row % n,), (place,)) for place, row in enumerate(rows.tolist())]
        if not self.strategy.joint:
            return single
        joined: dict[int, list[Asking]] = {}
        for asking in single:
            joined.setdefault(asking.env, []).append(asking)
        return [
            Asking(env, tuple(a.agents[0] for a in parts), tuple(a.places[0] for a in parts))
            for env, parts in joined.items()
        ]

    async def _ask(self, asking: Asking, observations: Array, masks: Array) -> Turn | None:
        """Ask, once more where that is wanted, read the answer, have it judged; None if there is no answer."""
        prepared: list[tuple[list[Sight], Question]] = []

        def prepare() -> Question:
            sights = self._look(asking, observations, masks)
            prepared.append((sights, self._question(asking, sights)))
            return prepared[0][1]

        try:
            reply = await self.client.ask(prepare)
            sights, question = prepared[0]
            answer, decisions = self._read(sights, question, reply)
            rejected = None
            if self.options.reask and any(decision.label == "invalid" for decision in decisions):
                rejected = AnsweredQuestion(question, reply, tuple(decisions))
                question = question_again(rejected, [sight.name for sight in sights])
                reply = await self.client.ask(partial(_same, question))
                answer, decisions = self._read(sights, question, reply)
            self.strategy.remember(self._remembered(asking), sights, answer, decisions)
            verdicts = [await self._judge(asking.env, *pair) for pair in zip(sights, decisions, strict=True)]
        except RequestFailedError as error:
            self._accounts[asking.env].failure = one_line(str(error), 200)
            return None
        self._note_standing(asking, sights, decisions)
        return Turn(asking.agents, question, reply, tuple(decisions), tuple(verdicts), rejected)

    def _note_standing(self, asking: Asking, sights: Sequence[Sight], decisions: Sequence[Decision]) -> None:
        if self.options.ask == "events":
            for sight, decision in zip(sights, decisions, strict=True):
                self._standing[self._row(asking.env, sight.me)] = LastAnswer.after(decision, sight)

    def _look(self, asking: Asking, observations: Array, masks: Array) -> list[Sight]:
        sights = []
        for agent, place in zip(asking.agents, asking.places, strict=True):
            observation, step = observations[place], int(self._steps[self._row(asking.env, agent)])
            letters = self._post[asking.env].letters(agent, step, observation)
            legal = legal_choices(masks[place], self._sizes, self.context.config.hidden_facts)
            sights.append(look(self.context.layout, observation, legal, self.context.num_agents, letters))
        return sights

    def _row(self, env: int, agent: int) -> int:
        return env * self.context.num_agents + agent

    def _remembered(self, asking: Asking) -> Any:
        """Memory of the agent, or of the first one for all."""
        return self._memory[self._row(asking.env, asking.agents[0])]

    def _question(self, asking: Asking, sights: list[Sight]) -> Question:
        memory, words = self._remembered(asking), self._words[asking.env]
        form = self.strategy.form_of(sights, memory)
        if self.context.config.hidden_facts:
            form = with_variant(form)
        if self.options.legal_only:
            form = with_legal_choices(form, sights[0].legal)
        sample = asking.env if self.options.temperature != 0.0 else 0
        return Question(self.model, self.strategy.messages(sights, words, memory), form, sample, self.max_tokens)

    def _read(self, sights: list[Sight], question: Question, reply: Reply) -> tuple[Any, list[Decision]]:
        """The filled-in form, None if there is none, and a decision for each agent."""
        answer = None
        try:
            answer, repairs = read_answer(question, reply)
            choices = self.strategy.choices(answer, sights)
            decisions = [
                Decision.invalid(f"{sight.name} has not exactly one action")
                if choice is None
                else decide(choice, sight.legal, self.context.num_agents, len(sight.status), repairs)
                for choice, sight in zip(choices, sights, strict=True)
            ]
        except AnswerError as error:
            decisions = [Decision.invalid(str(error))] * len(sights)
        return answer, decisions

    async def _judge(self, env: int, sight: Sight, decision: Decision) -> Verdict:
        if not self.options.judge or not is_judged(decision):
            return EVERYTHING
        if not decision.text:
            return NO_WORDS
        question = partial(judge_question, self.model, sight, self._words[env], decision, self.options.max_tokens)
        return read_verdict(await self.client.ask(question))

    # --- what follows from it --------------------------------------------------------------------------------

    def _note(self, asking: Asking, turn: Turn) -> None:
        self.turns.setdefault(asking.env, []).append(turn)
        self._accounts[asking.env].add(turn)

    def _carry_out(self, asking: Asking, observations: Array, rows: Array, actions: Array) -> None:
        """Write the actions of a turn, and post the words of its messages."""
        turn = next(turn for turn in self.turns[asking.env] if turn.agents == asking.agents)
        for n, place in enumerate(asking.places):
            decision, row = turn.decisions[n], int(rows[place])
            self._write(place, decision.action, decision.variant, observations, actions)
            self._factors[row] = turn.verdicts[n].factor
            if decision.action[c.SPEECH] != c.SILENT and decision.text:
                step = int(self._steps[row]) + 1
                self._post[asking.env].send(step, turn.agents[n], decision.action, decision.text)


def question_again(rejected: AnsweredQuestion, names: Sequence[str]) -> Question:
    """The same question once more, with the answer that cannot be used and what is wrong with it.

    Args:
        rejected: what was asked and answered; at least one decision is invalid.
        names: of the agents that the decisions are for.
    """
    said = without_control_tokens(without_controls(rejected.reply.text)).strip()
    shown = said if len(said) <= SHOWN_AGAIN else f"{said[: SHOWN_AGAIN - 3]}..."
    faults: dict[str, list[str]] = {}
    for name, decision in zip(names, rejected.decisions, strict=True):
        if decision.label == "invalid":
            faults.setdefault(decision.how, []).append(name)
    lines = "\n".join(f"- {', '.join(whose)}: {how}" for how, whose in faults.items())
    wanted = (
        f"Your answer cannot be used, and this is what is wrong with it:\n{lines}\n"
        "Answer the same question again with one whole corrected JSON object and nothing else."
    )
    again = (("assistant", shown or "-"), ("user", wanted))
    return replace(rejected.question, messages=(*rejected.question.messages, *again))


def _same(question: Question) -> Question:
    return question


def read_answer(question: Question, reply: Reply) -> tuple[Any, list[str]]:
    """The filled-in form of a reply, and what had to be repaired.

    Raises:
        AnswerError: there is none.
    """
    if reply.note in UNUSABLE:
        raise AnswerError(reply.note)
    try:
        data, repairs = read_json(reply.text)
    except AnswerError as error:
        raise AnswerError(CUT_OFF if reply.note == CUT_OFF else str(error)) from None
    if reply.note:
        repairs.append(reply.note)
    return validate(question.form, data, repairs), repairs
