"""A slow, plain reading of the simulator's rules, written independently of `c2c_env.core`.

The optimised kernels are compared with this file. It is written for reading: floats, lists and one
method per stage of a step, in the order of the stages (see the docstring of `c2c_env.core`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

AF_MIN = 0.01
INTENT, INTERFACE, CONSTRAINTS, CONTEXT = range(4)
MANAGER, NOBODY, NOTHING = 0, -1, -1
SILENT, CHAT_TELL, CHAT_ASK, EMAIL_TELL, EMAIL_ASK, MEET, ASSIGN = range(7)
MEETING_HOURS, MEETING_RICHNESS = 0.50, 0.90
REQUEST_LIFETIME = 8  # steps
LEARNING_RATE = 0.15  # of the context facet, per hour worked
DONE_BELOW = 1e-6
REWORK_SHARE = 0.3
SLOWEST = 0.001  # effort finished in an hour, in forecasts
HOURS_EPSILON = 1e-9

Action = tuple[int, int, int, int]  # work, speech, recipient, topic
# progress, alignment, communication, time, forecast, information
Terms = tuple[float, float, float, float, float, float]
NO_REWARD: Terms = (0.0,) * 6


@dataclass(frozen=True)
class Channel:
    """An asynchronous channel."""

    send_hours: float
    read_hours: float
    latency: int
    richness: float


CHAT = Channel(0.05, 0.05, 1, 0.45)
EMAIL = Channel(0.10, 0.05, 2, 0.60)
CHANNEL_OF = dict.fromkeys((CHAT_TELL, CHAT_ASK, ASSIGN), CHAT)
CHANNEL_OF |= dict.fromkeys((EMAIL_TELL, EMAIL_ASK), EMAIL)


@dataclass
class ReferenceSubtask:
    """A subtask, a milestone if its effort is 0; the facet weights are normalised already."""

    effort: float
    domain: int
    complexity: float
    prerequisites: tuple[int, ...]
    weights: tuple[float, float, float, float]


@dataclass
class Message:
    """A chat or an email under way."""

    sender: int
    recipients: list[int]
    topic: int
    is_ask: bool
    channel: Channel
    due: int
    carried: list[float]  # the sender's understanding of the topic when it was sent
    factor: float  # share of its usual effect


class ReferenceEnv:
    """One episode of the simulator."""

    def __init__(
        self,
        subtasks: list[ReferenceSubtask],
        skill: list[list[float]],
        *,
        volatility: float = 0.0,
        rework_probability: float = 0.5,
        dt: float = 0.5,
        horizon: int | None = None,
        uniform: Callable[[str, int, int], float] | None = None,
        reward_weights: Terms = (1.0, 0.5, 0.5, 0.5, 0.0, 0.0),
        exclusive_actions: bool = False,
        hidden_facts: int = 0,
    ) -> None:
        self.subtasks, self.skill = subtasks, skill
        self.agents, self.topics = range(len(skill)), range(len(subtasks))
        self.n_agents, self.team = len(skill), len(skill)  # as a recipient, N is the whole team
        self.volatility, self.rework_probability = volatility, rework_probability
        self.dt, self.uniform, self.reward_weights = dt, uniform, reward_weights
        self.exclusive_actions, self.hidden_facts = exclusive_actions, hidden_facts
        self.total_effort = sum(subtask.effort for subtask in subtasks)
        self.lower_bound = self._lower_bound()
        default_horizon = max(math.ceil(5 * self.lower_bound / dt - 1e-9), 5 * self._least_steps())
        self.horizon = default_horizon if horizon is None else horizon
        self.reset()

    def reset(self) -> None:
        """The state at the start."""
        self.t = 0
        self.understanding = [[self._initial(i, k) for k in self.topics] for i in self.agents]
        self.remaining = [subtask.effort for subtask in self.subtasks]
        self.done = [False for _ in self.topics]
        self.owner = [NOBODY for _ in self.topics]
        self.debt = [0.0 for _ in self.agents]
        self.last_work = [NOTHING for _ in self.agents]
        self.request_topic = [[NOTHING for _ in self.agents] for _ in self.agents]
        self.request_age = [[-1 for _ in self.agents] for _ in self.agents]  # -1: no request
        self.mail: list[Message] = []  # in the order sent
        self.judged = [1.0 for _ in self.agents]  # share of its usual effect that what each says has
        self.af_at_finish = [0.0 for _ in self.topics]
        self.fact = [self._draw("fact", k, self.hidden_facts) for k in self.topics]  # the wanted variant of each
        self.knows = [[self.hidden_facts > 0 and i == MANAGER for _ in self.topics] for i in self.agents]
        self.hours_worked = [0.0 for _ in self.topics]
        self.af_hours = [0.0 for _ in self.topics]  # sum of hours * AF
        self.invalid = [False for _ in self.agents]
        self.team_terms = NO_REWARD
        self.individual_terms = [NO_REWARD for _ in self.agents]
        self._pass_milestones()
        self._clear_step_accounts()

    def step(self, actions: list[Action], variants: list[int] | None = None) -> tuple[bool, bool]:
        """One step, stage by stage, with the variant that each agent chose; returns (terminated, truncated)."""
        before = self._measures()
        self._clear_step_accounts()
        legal = [self._legalise(i, actions[i]) for i in self.agents]
        self.stage_0_clock()
        self.stage_1_requirement_change()
        self.stage_2_delivery()
        self.stage_3_request_expiry()
        self.stage_4_meetings(legal)
        self.stage_5_sends(legal)
        hours = self.stage_6_time()
        worker = self.stage_7_work(legal, hours, variants or [0 for _ in self.agents])
        self.stage_8_completion(worker)
        self._settle_rewards(*[now - then for now, then in zip(self._measures(), before, strict=True)])
        terminated = all(self.done)
        return terminated, not terminated and self.t >= self.horizon

    def alignment_factor(self, i: int, k: int) -> float:
        """AF[i, k]."""
        weights, u = self.subtasks[k].weights, self.understanding[i][k]
        return AF_MIN + (1.0 - AF_MIN) * sum(weights[f] * u[f] for f in range(4))

    def progress(self) -> float:
        """Effort-weighted finished share."""
        return 1.0 - sum(self.remaining) / self.total_effort

    def alignment(self) -> float:
        """Effort-weighted mean of a_k."""
        return sum(self._share(k) * self.aligned(k) for k in self.topics)

    def forecast(self) -> float:
        """Hours to the end if owners and Alignment Factors stay as they are: a chain's, or an equal share of all."""
        hours = {k: self.remaining[k] / max(self._speed(k), SLOWEST) for k in self.topics if not self.done[k]}

        @functools.cache
        def chain(k: int) -> float:
            return hours.get(k, 0.0) + max(map(chain, self.subtasks[k].prerequisites), default=0.0)

        return max(max(map(chain, self.topics)), sum(hours.values()) / self.n_agents)

    def _speed(self, k: int) -> float:
        """Effort finished in an hour by the owner, or without one by the fastest."""
        able = self.agents if self.owner[k] == NOBODY else [self.owner[k]]
        return max(self.skill[i][self.subtasks[k].domain] * self.alignment_factor(i, k) for i in able)

    def information(self) -> float:
        """Effort-weighted mean of the log-probability with which the true facets of a subtask are given."""
        return sum(self._share(k) * self._log_probability(k) for k in self.topics if not self.done[k])

    def _log_probability(self, k: int) -> float:
        """As if its counted agent answered each facet rightly as often as it understands it."""
        given = self.understanding[self.counted_agent(k)][k]
        weights = self.subtasks[k].weights
        return sum(weight * math.log(max(u, AF_MIN)) for weight, u in zip(weights, given, strict=True))

    def _measures(self) -> tuple[float, float, float, float]:
        """What the changes in a step are rewarded by."""
        return self.progress(), self.alignment(), self.forecast(), self.information()

    def aligned(self, k: int) -> float:
        """a_k."""
        if self.done[k]:
            return self.af_at_finish[k]
        return self.alignment_factor(self.counted_agent(k), k)

    def is_ready(self, k: int) -> bool:
        """Not done, all prerequisites done; a milestone never is."""
        return self._is_free(k) and self.subtasks[k].effort > 0

    def _is_free(self, k: int) -> bool:
        return not self.done[k] and all(self.done[p] for p in self.subtasks[k].prerequisites)

    def most_skilled(self, k: int, among: Iterable[int]) -> int:
        """The most skilled of some agents for a subtask; ties go to the lowest index."""
        domain = self.subtasks[k].domain
        return max(sorted(among), key=lambda i: self.skill[i][domain])

    def counted_agent(self, k: int) -> int:
        """The agent whose AF enters a_k; nobody's for a done subtask."""
        if self.done[k]:
            return NOBODY
        return self.owner[k] if self.owner[k] != NOBODY else self.most_skilled(k, self.agents)

    def own_subtask(self, i: int) -> int:
        """The one worked on in the last step, else the first unfinished one owned."""
        if self.last_work[i] != NOTHING and not self.done[self.last_work[i]]:
            return self.last_work[i]
        owned = [k for k in self.topics if self.owner[k] == i and not self.done[k]]
        return owned[0] if owned else NOTHING

    def _share(self, k: int) -> float:
        return self.subtasks[k].effort / self.total_effort

    def _initial(self, i: int, k: int) -> list[float]:
        """Understanding at reset."""
        intent = 0.95 if i == MANAGER else 0.2
        return [intent, 0.1, self.skill[i][self.subtasks[k].domain] ** 2, 0.0]

    def _lower_bound(self) -> float:
        """Hours which no policy can beat."""
        hours = [s.effort / max(row[s.domain] for row in self.skill) for s in self.subtasks]

        @functools.cache
        def finish(k: int) -> float:
            return hours[k] + max(map(finish, self.subtasks[k].prerequisites), default=0.0)

        return max(max(map(finish, self.topics)), sum(hours) / self.n_agents)

    def _least_steps(self) -> int:
        """Steps which no policy can beat, since work on a subtask takes at least one."""

        @functools.cache
        def steps(k: int) -> int:
            own = 1 if self.subtasks[k].effort > 0 else 0
            return own + max(map(steps, self.subtasks[k].prerequisites), default=0)

        with_effort = sum(1 for subtask in self.subtasks if subtask.effort > 0)
        return max(max(map(steps, self.topics)), math.ceil(with_effort / self.n_agents))

    def mask(self, agent: int) -> tuple[list[int], list[int], list[int], list[int]]:
        """The four parts of the action mask."""
        unfinished = [int(not done) for done in self.done]
        may_speak = int(self.n_agents > 1 and any(unfinished))
        work = [1] + [int(self.is_ready(k)) for k in self.topics]
        speech = [1] + [may_speak] * 5 + [may_speak if agent == MANAGER else 0]
        recipient = [int(j != agent) for j in self.agents] + [1]
        if not any(unfinished):
            unfinished[0] = 1
        return work, speech, recipient, unfinished

    def _legalise(self, agent: int, action: Action) -> Action:
        """What is left of an action where the mask forbids a part of it."""
        work, speech, recipient, topic = action
        parts = self.mask(agent)
        if not _allowed(parts[0], work):
            work, self.invalid[agent] = 0, True
        if speech != SILENT:
            said = zip(parts[1:], (speech, recipient, topic), strict=True)
            if not all(_allowed(part, value) for part, value in said):
                speech, self.invalid[agent] = SILENT, True
        if self.exclusive_actions and speech != SILENT:
            work = 0
        return work, speech, recipient, topic

    def catalogue(self, agent: int) -> list[Action | None]:
        """What each index of the discrete action stands for; None where masked."""
        own = self.own_subtask(agent)
        going_on = own + 1 if own != NOTHING and self.is_ready(own) else 0
        entries: list[Action | None] = [(0, SILENT, 0, 0)]
        for k in self.topics:
            entries.append((k + 1, SILENT, 0, 0) if self.is_ready(k) else None)
        for speech in (CHAT_TELL, CHAT_ASK, EMAIL_TELL, EMAIL_ASK, MEET):
            for recipient in [*self.agents, self.team]:
                topic = self._inferred_topic(agent, speech, recipient)
                legal = topic != NOTHING and recipient != agent and self.n_agents > 1
                entries.append((going_on, speech, recipient, topic) if legal else None)
        for k in self.topics:
            for j in self.agents:
                legal = agent == MANAGER and j != MANAGER and not self.done[k]
                entries.append((going_on, ASSIGN, j, k) if legal else None)
        return entries

    def _inferred_topic(self, agent: int, speech: int, recipient: int) -> int:
        """The topic of a catalogue entry."""
        own = self.own_subtask(agent)
        if recipient == self.team or speech in (CHAT_ASK, EMAIL_ASK):
            return own
        theirs = self.own_subtask(recipient)
        if speech == MEET:
            return own if own != NOTHING else theirs
        asked = self.request_topic[recipient][agent]
        if asked != NOTHING and not self.done[asked]:
            return asked
        if theirs != NOTHING:
            return theirs
        for k in self.topics:
            unclaimed = not self.done[k] and self.owner[k] == NOBODY
            if unclaimed and self.most_skilled(k, self.agents) == recipient:
                return k
        return own

    def stage_0_clock(self) -> None:
        """The clock advances (stage 0), and with it the age of every open request."""
        self.t += 1
        for a, b in self._open_requests():
            self.request_age[a][b] += 1

    def stage_1_requirement_change(self) -> None:
        """Requirements change; only the manager knows the new ones (stage 1)."""
        for k in self.topics:
            if self.done[k] or not self._happens("volatility", k, self.volatility):
                continue
            for i in self.agents:
                u = self.understanding[i][k]
                u[INTENT] = 0.95 if i == MANAGER else 0.4 * u[INTENT]

    def stage_2_delivery(self) -> None:
        """Messages due now are read, in the order sent (stage 2)."""
        due = [message for message in self.mail if message.due == self.t]
        self.mail = [message for message in self.mail if message.due != self.t]
        for message in due:  # the list is in the order of sending: by step, then by sender
            for reader in message.recipients:
                self.comm_hours[reader] += message.channel.read_hours
                if message.is_ask:
                    self.request_topic[message.sender][reader] = message.topic
                    self.request_age[message.sender][reader] = 0
                else:
                    self._read_tell(reader, message)

    def stage_3_request_expiry(self) -> None:
        """Old requests expire (stage 3)."""
        for a, b in self._open_requests():
            if self.request_age[a][b] > REQUEST_LIFETIME:
                self._close_request(a, b)

    def stage_4_meetings(self, actions: list[Action]) -> None:
        """Meetings, in rotating order of their proposers (stage 4)."""
        busy: set[int] = set()
        for offset in self.agents:
            proposer = (self.t + offset) % self.n_agents
            _, speech, target, topic = actions[proposer]
            if speech != MEET or proposer in busy:
                continue
            invited = self.agents if target == self.team else [proposer, target]
            participants = [j for j in invited if j not in busy]
            if len(participants) >= 2:  # a single target who is busy leaves the proposer alone
                busy.update(participants)
                self._hold_meeting(proposer, participants, topic)

    def stage_5_sends(self, actions: list[Action]) -> None:
        """Chats, emails and assignments are sent (stage 5)."""
        for sender in self.agents:
            _, speech, recipient, topic = actions[sender]
            if speech not in CHANNEL_OF:
                continue
            channel, is_ask = CHANNEL_OF[speech], speech in (CHAT_ASK, EMAIL_ASK)
            to_team = recipient == self.team
            recipients = [j for j in self.agents if j != sender] if to_team else [recipient]
            carried = list(self.understanding[sender][topic])
            due = self.t + channel.latency
            self.comm_hours[sender] += channel.send_hours
            self.mail.append(Message(sender, recipients, topic, is_ask, channel, due, carried, self.judged[sender]))
            if speech == ASSIGN and not to_team:
                self.owner[topic] = recipient

    def stage_6_time(self) -> list[float]:
        """Communication is paid for; returns the hours left for work (stage 6)."""
        hours = []
        for i in self.agents:
            self.debt[i] += self.comm_hours[i]
            left = max(0.0, self.dt - self.debt[i])
            hours.append(left if left >= HOURS_EPSILON else 0.0)
            self.debt[i] = max(0.0, self.debt[i] - self.dt)
        return hours

    def stage_7_work(self, actions: list[Action], hours: list[float], variants: list[int]) -> dict[int, int]:
        """Work; returns the worker of each subtask worked on in the wanted variant (stage 7)."""
        self.last_work = [NOTHING for _ in self.agents]
        worker: dict[int, int] = {}
        for k in self.topics:  # an action can only name a ready subtask: the mask saw to it
            choosers = [i for i in self.agents if actions[i][0] == k + 1 and hours[i] > 0.0]
            if not choosers:
                continue
            if self.owner[k] not in choosers:
                self.owner[k] = self.most_skilled(k, choosers)
            i = self.owner[k]
            self.last_work[i] = k
            if not self.hidden_facts or variants[i] == self.fact[k]:
                worker[k] = i
                self.knows[i][k] = self.hidden_facts > 0
                self._work(i, k, hours[i])
        return worker

    def stage_8_completion(self, worker: dict[int, int]) -> None:
        """Used-up subtasks come back as rework or are done (stage 8)."""
        for k, i in worker.items():
            if self.remaining[k] > DONE_BELOW * min(1.0, self.subtasks[k].effort):
                continue
            left_before = self.remaining[k]
            mean_af = self.af_hours[k] / self.hours_worked[k]
            if self._happens("rework", k, self.rework_probability * (1.0 - mean_af)):
                self.remaining[k] = REWORK_SHARE * self.subtasks[k].effort
            else:
                self._finish(i, k)
            self.own_progress[i] += (left_before - self.remaining[k]) / self.total_effort
        self._pass_milestones()

    def _pass_milestones(self) -> None:
        """Milestones are done with their prerequisites, one after the other (stage 8, and at the start)."""
        while passed := [k for k in self.topics if self.subtasks[k].effort == 0 and self._is_free(k)]:
            for k in passed:
                self.done[k] = True

    def _happens(self, stream: str, k: int, probability: float) -> bool:
        return self.uniform is not None and self.uniform(stream, self.t, k) < probability

    def _draw(self, stream: str, k: int, count: int) -> int:
        """One of so many, all alike, at the start; 0 without hidden facts."""
        drawn = self.uniform(stream, 0, k) if self.uniform is not None and self.hidden_facts else 0.0
        return math.floor(drawn * count)

    def _open_requests(self) -> list[tuple[int, int]]:
        pairs = [(a, b) for a in self.agents for b in self.agents]
        return [(a, b) for a, b in pairs if self.request_topic[a][b] != NOTHING]

    def _close_request(self, asker: int, asked: int) -> None:
        self.request_topic[asker][asked] = NOTHING
        self.request_age[asker][asked] = -1

    def _read_tell(self, reader: int, message: Message) -> None:
        """A tell moves understanding and closes the request which it answers."""
        k, sender = message.topic, message.sender
        exponent = self.subtasks[k].complexity
        if self.request_topic[reader][sender] == k:
            exponent /= 2.0
            self._close_request(reader, sender)
        tau = message.channel.richness**exponent * message.factor
        self._move(reader, k, tau, message.carried, credited_with=sender)

    def _hold_meeting(self, proposer: int, participants: list[int], k: int) -> None:
        """All pay, all move towards the best, mutual requests about k close."""
        tau = MEETING_RICHNESS ** self.subtasks[k].complexity * self.judged[proposer]
        best = [max(self.understanding[j][k][f] for j in participants) for f in range(4)]
        for j in participants:
            self.comm_hours[j] += MEETING_HOURS
            self._move(j, k, tau, best, credited_with=proposer)
        for a, b in self._open_requests():
            if a in participants and b in participants and self.request_topic[a][b] == k:
                self._close_request(a, b)

    def _move(self, j: int, k: int, tau: float, source: list[float], credited_with: int) -> None:
        """Raise j's understanding of k towards a source; share the credit."""
        af_before = self.alignment_factor(j, k)
        u = self.understanding[j][k]
        for f in range(4):
            u[f] += tau * max(0.0, source[f] - u[f])
        if j == self.counted_agent(k):
            gain = (self.alignment_factor(j, k) - af_before) * self._share(k)
            self.own_alignment[credited_with] += gain / 2.0
            self.own_alignment[j] += gain / 2.0

    def _work(self, i: int, k: int, hours: float) -> None:
        """Hours of work of one agent on one subtask (stage 7)."""
        subtask, af, before = self.subtasks[k], self.alignment_factor(i, k), self.remaining[k]
        self.remaining[k] = max(0.0, before - hours * self.skill[i][subtask.domain] * af)
        self.own_progress[i] += (before - self.remaining[k]) / self.total_effort
        self.hours_worked[k] += hours
        self.af_hours[k] += hours * af
        u = self.understanding[i][k]
        u[CONTEXT] += (1.0 - math.exp(-LEARNING_RATE * hours)) * (1.0 - u[CONTEXT])

    def _finish(self, i: int, k: int) -> None:
        """A subtask is done: its worker knows all of it and its interface (stage 8)."""
        self.af_at_finish[k] = self.alignment_factor(i, k)
        self.done[k], self.remaining[k] = True, 0.0
        self.understanding[i][k] = [1.0, 1.0, 1.0, 1.0]
        for dependent in self.topics:
            if k in self.subtasks[dependent].prerequisites:
                self.understanding[i][dependent][INTERFACE] = 1.0

    def _clear_step_accounts(self) -> None:
        """What each agent paid and earned in this step."""
        self.invalid = [False for _ in self.agents]
        self.comm_hours = [0.0 for _ in self.agents]
        self.own_progress = [0.0 for _ in self.agents]  # as shares of the total effort
        self.own_alignment = [0.0 for _ in self.agents]

    def _settle_rewards(self, d_progress: float, d_alignment: float, d_forecast: float, d_information: float) -> None:
        """The six terms of the team reward and of each individual reward; everybody gets the last two in full."""
        potentials = -d_forecast / self.lower_bound, d_information
        spent = sum(self.comm_hours) / self.total_effort
        self.team_terms = self._weighted(d_progress, d_alignment, spent, *potentials)
        shared = d_alignment - sum(self.own_alignment)  # nobody's doing
        n = self.n_agents
        self.individual_terms = []
        for i in self.agents:
            alignment = n * self.own_alignment[i] + shared
            spent = n * self.comm_hours[i] / self.total_effort
            terms = self._weighted(n * self.own_progress[i], alignment, spent, *potentials)
            self.individual_terms.append(terms)

    def _weighted(self, progress: float, alignment: float, spent: float, forecast: float, information: float) -> Terms:
        w = self.reward_weights
        time = self.dt / self.lower_bound
        return w[0] * progress, w[1] * alignment, -w[2] * spent, -w[3] * time, w[4] * forecast, w[5] * information


def _allowed(part: list[int], value: int) -> bool:
    return 0 <= value < len(part) and part[value] == 1
