"""Trains a small decoder on lessons: the next word of answers, and at first of views too.

That the words of views are learned at first helps it to find out that a name is to be copied. Most lessons say to go on
as before, so that every batch has a fixed share of those, and the schedule ends with a learning rate near zero.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from c2c_env.checks import SHARE, Check, fault, integer_from, only_faults
from c2c_env.core.arrays import Array
from c2c_env.disk import temporary_name, write_whole
from c2c_env.errors import ConfigError, needs_extra, raise_faults
from training.language_model.lessons import Lessons
from training.language_model.vocabulary import END, MOST_SILENT, NUMBER, PADDING, VOCABULARY, make_tokenizer
from training.learning.log import table_of
from training.progress import pulse

with needs_extra("training a language model", "local"):
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import LlamaConfig, LlamaForCausalLM

CHECKPOINT, CURVE, CARD = "checkpoint.pt", "curve.csv", "card.json"
SAVED_EVERY = 100  # updates
MOST_TRIED = 800  # held-out lessons, each time the model is tried
SUB_BATCHES = 3  # of lessons of about the same length, so that little is padding
MOST_WORDS = 2048  # of a view and an answer; positions have no weights of their own


@dataclass(frozen=True)
class CloneSettings:
    """How a model is trained.

    Attributes:
        updates: of the weights.
        batch_size: lessons an update.
        learning_rate: after the warm-up; it falls to a twentieth in a straight line.
        warm_up: updates.
        routine: share of each batch that is of routine lessons.
        view_weight: of the loss of the view's words beside that of the answer, at the start; it is 0 from half-way on.
        width: of the network; a multiple of 8.
        layers: of the network.
        held_out: episodes, the last ones, of which some lessons are tried and none are trained on.
        seed: of weights and batches.
    """

    updates: int = 2000
    batch_size: int = 48
    learning_rate: float = 1.5e-3
    warm_up: int = 150
    routine: float = 0.4
    view_weight: float = 0.5
    width: int = 128
    layers: int = 4
    held_out: int = 20
    seed: int = 1

    def __post_init__(self) -> None:
        checks: dict[str, Check] = dict.fromkeys(("updates", "warm_up", "layers", "held_out"), integer_from(1))
        checks |= {
            "batch_size": integer_from(SUB_BATCHES),
            "learning_rate": SHARE,
            "routine": SHARE,
            "view_weight": SHARE,
            "seed": integer_from(0),
        }
        faults = only_faults([fault(name, getattr(self, name), check) for name, check in checks.items()])
        if not isinstance(self.width, int) or self.width < 8 or self.width % 8:
            faults.append(f"width is {self.width!r}, expected a multiple of 8")
        raise_faults(ConfigError, "bad settings", faults)


class Cloning:
    """A run in its folder, which goes on from its last checkpoint if there is one.

    Raises:
        ConfigError: the checkpoint is of other settings or other lessons, or there are too few lessons.
    """

    def __init__(self, lessons: Lessons, settings: CloneSettings, folder: Path) -> None:
        self.lessons, self.settings, self.folder = lessons, settings, folder
        held = lessons.tasks > lessons.tasks.max() - settings.held_out
        self.held, trained = _spread(np.flatnonzero(held), MOST_TRIED), ~held
        self.pools = [np.flatnonzero(trained & (lessons.routine == routine)) for routine in (False, True)]
        if not all(len(pool) for pool in self.pools):
            raise ConfigError(
                f"got {lessons.tasks.max() + 1} episodes, expected more than held_out={settings.held_out}"
            )
        torch.manual_seed(settings.seed)
        self.network = make_network(settings)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.02
        )
        self.update, self.curve = 0, list[dict[str, Any]]()
        self._restore()

    def train(self, console: Console) -> None:
        """Train to the end, and write the model and its card."""
        settings = self.settings
        with pulse(console, "updates", settings.updates, self.update) as bar:
            while self.update < settings.updates:
                losses = self.learn()
                if self.update % SAVED_EVERY == 0 or self.update == settings.updates:
                    self.curve.append({"stage": "clone", "update": self.update, **losses, **self.accuracy()})
                    self._save()
                bar.show(self.update, f"loss {losses['answer_loss']:.3f}")
        self.write_model()

    def learn(self) -> dict[str, float]:
        """Make an update; return its losses."""
        done, rng = self.update / self.settings.updates, np.random.default_rng([self.settings.seed, self.update])
        for group in self.optimizer.param_groups:
            rising = min(1.0, (self.update + 1) / self.settings.warm_up)
            group["lr"] = self.settings.learning_rate * rising * (1 - 0.95 * done)
        weight = self.settings.view_weight * max(0.0, 1 - 2 * done)
        losses = []
        for chosen in self._sub_batches(rng):
            tokens = [self.lessons.tokens[lesson] for lesson in chosen]
            answer, view, _ = self._losses(tokens, self.lessons.views[chosen])
            ((answer + weight * view) / SUB_BATCHES).backward()
            losses.append((float(answer.detach()), float(view.detach())))
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.update += 1
        answer_loss, view_loss = np.mean(losses, axis=0)
        return {"answer_loss": float(answer_loss), "view_loss": float(view_loss)}

    def accuracy(self) -> dict[str, float]:
        """Shares of held-out lessons whose whole answer is the likeliest: routine ones, other silent ones, messages."""
        right = np.concatenate(list(self._tried(self.held)))
        spoken = np.array(
            [len(self.lessons.tokens[k]) - self.lessons.views[k] > MOST_SILENT for k in self.held.tolist()]
        )
        routine = self.lessons.routine[self.held]
        kinds = {"routine": routine, "work": ~routine & ~spoken, "messages": spoken}
        return {
            f"right_{name}": float(right[kind].mean()) if kind.any() else float("nan") for name, kind in kinds.items()
        }

    def write_model(self) -> None:
        """Write the folder that `backend=transformers` takes, with the curve and a card."""
        self.network.save_pretrained(self.folder)
        make_tokenizer().save_pretrained(self.folder)
        write_whole(self.folder / CURVE, table_of(self.curve))
        card = {
            "settings": asdict(self.settings), "weights": self.network.num_parameters(), "lessons": len(self.lessons),
            "episodes": int(self.lessons.tasks.max()) + 1, **self.curve[-1],
        }  # fmt: skip
        write_whole(self.folder / CARD, json.dumps(card, indent=1) + "\n")

    # --- batches -----------------------------------------------------------------------------------------------

    def _sub_batches(self, rng: np.random.Generator) -> Iterator[Array]:
        """Draw the lessons of an update, and split them by their length."""
        of_routine = round(self.settings.routine * self.settings.batch_size)
        sizes = (self.settings.batch_size - of_routine, of_routine)
        chosen = np.concatenate([rng.choice(pool, size) for pool, size in zip(self.pools, sizes, strict=True)])
        lengths = np.array([len(self.lessons.tokens[lesson]) for lesson in chosen])
        yield from np.array_split(chosen[np.argsort(lengths, kind="stable")], SUB_BATCHES)

    def _losses(self, tokens: Sequence[Array], views: Array) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Nats of an answer and of a word of the views, and whether each whole answer [B] is the likeliest."""
        words = torch.full((len(tokens), max(map(len, tokens))), NUMBER[PADDING])
        for row, lesson in zip(words, tokens, strict=True):
            row[: len(lesson)] = torch.from_numpy(lesson)
        place = torch.arange(1, words.shape[1])
        lengths = torch.tensor([len(lesson) for lesson in tokens])[:, None]
        answer = (place >= torch.from_numpy(views)[:, None]) & (place < lengths)
        view = place < torch.from_numpy(views)[:, None]
        # padding stands at the end, where nothing that counts looks at it
        scores = self.network(input_ids=words[:, :-1]).logits
        nats = cross_entropy(scores.flatten(0, 1), words[:, 1:].flatten(), reduction="none").view(len(tokens), -1)
        right = ((scores.argmax(-1) == words[:, 1:]) | ~answer).all(1)
        return (nats * answer).sum() / len(tokens), (nats * view).sum() / view.sum(), right

    def _tried(self, lessons: Array) -> Iterator[Array]:
        self.network.train(False)
        with torch.inference_mode():
            for chosen in np.array_split(lessons, max(1, len(lessons) // 128)):
                tokens = [self.lessons.tokens[lesson] for lesson in chosen]
                yield self._losses(tokens, self.lessons.views[chosen])[2].numpy()
        self.network.train()

    # --- checkpoints -------------------------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        return {**asdict(self.settings), "lessons": self.lessons.digest, "words": list(VOCABULARY)}

    def _save(self) -> None:
        path = self.folder / CHECKPOINT
        temporary = temporary_name(path)
        state = {
            "identity": self._identity(), "update": self.update, "curve": self.curve,
            "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        torch.save(state, temporary)
        os.replace(temporary, path)

    def _restore(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        try:
            state = torch.load(path, weights_only=True)  # nothing in it is executed
        except Exception as error:  # whatever torch meets in a damaged file
            raise ConfigError(f"cannot go on from {str(path)!r}: {type(error).__name__}: {error}") from error
        if not isinstance(state, dict) or state.get("identity") != self._identity():
            raise ConfigError(f"{str(path)!r} is of other settings or lessons, expected the same, or another folder")
        self.update, self.curve = state["update"], state["curve"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])


def _spread(lessons: Array, most: int) -> Array:
    """Take so many lessons at most, evenly spread over all."""
    spread: Array = lessons[np.linspace(0, len(lessons) - 1, min(most, len(lessons))).astype(int)]
    return spread


def make_network(settings: CloneSettings) -> LlamaForCausalLM:
    """A decoder for the vocabulary, with random weights."""
    config = LlamaConfig(
        vocab_size=len(VOCABULARY), hidden_size=settings.width, intermediate_size=3 * settings.width,
        num_hidden_layers=settings.layers, num_attention_heads=4, num_key_value_heads=4,
        max_position_embeddings=MOST_WORDS, bos_token_id=None, eos_token_id=NUMBER[END], pad_token_id=NUMBER[PADDING],
        tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config)
