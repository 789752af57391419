"""The learned teams' network as a policy of sb3-contrib's MaskablePPO, in which every agent is a row.

    venv = AgentVecEnv(64, workflow="simple", team_size=5, relations="index")
    MaskablePPO(EntityPolicy, venv, policy_kwargs={"layout": venv.batch.layout}).learn(1_000_000)

A row sees itself alone, so there is no common plan to draw: each subtask has its chances to be a row's work by the
plan's scores, and a row takes for the others' plan what they worked on last. What it says is chosen as in a learned
team. With `RememberingVecEnv` around the environment a row also has what a learned team remembers.

Axes: R rows, D observation, M choices, as for `AgentVecEnv`; A agents and K subtasks that are seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor

from agents.learned.actions import Judgement, Luck, OwnView, draw_message, join_parts, judge_message, split_parts
from agents.learned.drawing import FAR_AWAY, draw_category, entropy_of, log_prob_of
from agents.learned.features import Board, LegalMasks, Own, Reader, Remembered
from agents.learned.network import Actor, Critic, Encoded, Tokens
from agents.learned.plan import Open, pair_logits
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.errors import ConfigError

LEAST_CHANCE = 1e-6  # least chance that a subtask is left to others, so that its logarithm is finite


class RowView(NamedTuple):
    """What rows see, and make of it without their own decision."""

    board: Board
    own: Own  # with N = 1
    tokens: Tokens
    scores: Tensor  # [R, A + 1, K] of who works on what
    last_work: Tensor  # long [R, A] in the step before, 0 none, else subtask + 1


class EntityPolicy(MaskableActorCriticPolicy):
    """Actor and critic of `agents.learned.network`, each of one's own view.

    Args:
        observation_space, action_space: of a row: observations [D] without masks, or with what is remembered
            [D + 2 A K], and multi-discrete actions without symbols.
        lr_schedule: the learning rate, by the share of training that is left.
        layout: how to read an observation.
        network: sizes of the `Actor`, such as `{"hidden": 64}`.
        parts: an actor and a critic of one's own view, to be taught instead of new ones.
        **kwargs: others of `MaskableActorCriticPolicy`, such as `optimizer_kwargs`.

    Raises:
        ConfigError: the spaces are of another form.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        layout: ObservationLayout,
        network: dict[str, Any] | None = None,
        parts: tuple[Actor, Critic] | None = None,
        **kwargs: Any,
    ) -> None:
        self.layout, self.sizes, self.parts, self.reader = layout, dict(network or {}), parts, Reader(layout)
        lengths = [layout.size, layout.size + 2 * self.reader.num_agents * self.reader.num_subtasks]
        if observation_space.shape not in [(length,) for length in lengths] or action_space.shape != (4,):
            raise ConfigError(
                f"got {observation_space} and {action_space}, expected observations of {lengths[0]} numbers without"
                f" masks (or {lengths[1]} with memory), and actions [work, speech, recipient, topic]"
            )
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        if self.parts is None:
            actor = Actor(**self.sizes)
            self.parts = actor, Critic(actor.nobody.in_features, central=False)
        self.actor, self.critic = self.parts
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"layout": self.layout, "network": self.sizes}

    # --- what MaskablePPO asks --------------------------------------------------------------------------------

    def forward(
        self, obs: Tensor, deterministic: bool = False, action_masks: Any = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions [R, 4], values [R, 1] and log-probabilities [R] for observations [R, D] and masks [R, M]."""
        seen, masks = self._see(obs), self._masks(action_masks)
        actions = self._choose(seen, masks, deterministic)
        return actions, self._values(seen), self._judge(seen, masks, actions).log_prob

    def evaluate_actions(self, obs: Tensor, actions: Tensor, action_masks: Any = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return values [R, 1], log-probabilities [R] and entropies [R] of actions [R, 4]."""
        seen = self._see(obs)
        return self._values(seen), *self._judge(seen, self._masks(action_masks), actions)

    def predict_values(self, obs: Any) -> Tensor:
        """Return values [R, 1]."""
        return self._values(self._see(obs))

    def _predict(self, observation: Any, deterministic: bool = False, action_masks: Any = None) -> Tensor:
        return self._choose(self._see(observation), self._masks(action_masks), deterministic)

    # --- inside -----------------------------------------------------------------------------------------------

    def _masks(self, action_masks: Any) -> Tensor:
        if action_masks is None:
            raise ConfigError("EntityPolicy needs action_masks, but there are none")
        return torch.as_tensor(action_masks, device=self.device)

    def _see(self, obs: Tensor) -> RowView:
        board, own_part, memory = obs.tensor_split([self.reader.split, self.layout.size], dim=1)
        shape = len(obs), 2, self.reader.num_agents, self.reader.num_subtasks
        told, pace = (memory.reshape(shape) if memory.shape[1] else obs.new_zeros(shape)).unbind(dim=1)
        follows = torch.ones(shape[0], shape[2], dtype=torch.bool, device=obs.device)
        remembered = Remembered(told, pace, follows, pace[..., None][..., :0])
        features, own = self.reader.board(board, remembered), self.reader.own(own_part[:, None], told[:, None])
        tokens = self.actor.encoder(features)
        worked = self.reader.relation(board, "working_on", 0)
        last_work = torch.where(worked.any(dim=-1), 1 + worked.float().argmax(dim=-1), 0)
        return RowView(features, own, tokens, self.actor.plan_scores(tokens, features), last_work)

    def _encode(self, seen: RowView, work: Tensor) -> Encoded:
        """Encode what rows see if this [R] is their work, and the others go on with theirs."""
        plan = seen.last_work.scatter(1, seen.own.me, work[:, None])
        return self.actor.encode(seen.board, seen.own, seen.tokens, seen.scores, plan)

    def _values(self, seen: RowView) -> Tensor:
        values: Tensor = self.critic(self._encode(seen, seen.last_work.gather(1, seen.own.me)[:, 0]), seen.tokens)
        return values

    def _work_logits(self, seen: RowView, masks: Tensor) -> Tensor:
        """Logits [R, 1 + K] of one's own work: of none, if all subtasks chose others, and of each subtask's choice."""
        legal = masks[:, : 1 + self.reader.num_subtasks] > 0
        pairs = pair_logits(seen.scores, Open(seen.board.is_agent, legal[:, 1:]))
        pairs = pairs.unflatten(1, (self.reader.num_agents, self.reader.num_subtasks))
        mine = pairs[torch.arange(len(masks), device=masks.device), seen.own.me[:, 0]]
        none = (1.0 - mine.exp()).clamp(min=LEAST_CHANCE).log().sum(dim=1, keepdim=True)
        return torch.cat((none, mine), dim=1).masked_fill(~legal, FAR_AWAY)

    def _hear(self, seen: RowView, legal: LegalMasks, work: Tensor) -> OwnView:
        encoded = self._encode(seen, work)
        return OwnView(encoded, encoded.context, *self.actor.message_logits(encoded, legal))

    def _choose(self, seen: RowView, masks: Tensor, deterministic: bool) -> Tensor:
        """Actions [R, 4], drawn or the likeliest."""
        drawn = torch.rand(len(masks), 4, device=masks.device)
        temperature = masks.new_tensor(0.0 if deterministic else 1.0, dtype=torch.float32)
        work = draw_category(self._work_logits(seen, masks), drawn[:, 0], temperature)
        legal = self.reader.legal(masks[:, None])
        speak = torch.full_like(drawn[:, 1:2], 0.5) if deterministic else drawn[:, 1:2]
        luck = Luck(drawn, speak, drawn[:, None, 2:], drawn[:, None, :2])  # neither picks nor symbols are drawn
        message = draw_message(self.actor, self._hear(seen, legal, work), legal, luck, temperature)
        return join_parts(work, message[:, 0], self.reader.num_subtasks)

    def _judge(self, seen: RowView, masks: Tensor, actions: Tensor) -> Judgement:
        """Judge actions [R, 4]."""
        work, message = split_parts(actions, self.reader.num_subtasks)
        legal, logits = self.reader.legal(masks[:, None]), self._work_logits(seen, masks)
        said = judge_message(self.actor, self._hear(seen, legal, work), legal, message[:, None])
        return Judgement(log_prob_of(logits, work) + said.log_prob[:, 0], entropy_of(logits) + said.entropy[:, 0])
