"""Cloning: it learns, goes on from its checkpoint to the same weights, and writes a model that plays."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from rich.console import Console

from c2c_env.errors import ConfigError
from training.__main__ import main
from training.language_model import cloning as module
from training.language_model.cloning import CHECKPOINT, CloneSettings, Cloning
from training.language_model.lessons import read_lessons

SMALL = CloneSettings(updates=6, batch_size=12, warm_up=2, width=16, layers=1, held_out=1)
QUIET = Console(file=io.StringIO())


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("lessons") / "lessons.jsonl"
    given = ["--teacher", "proactive", "--episodes", "3", "--tiers", "simple", "--team-sizes", "3"]
    main(["dataset", "--strategy", "terse", *given, "-o", str(path)])
    return path


@pytest.fixture(scope="module")
def lessons(file):
    return read_lessons([file])


def weights(cloning):
    return {name: value.clone() for name, value in cloning.network.state_dict().items()}


def same(some, others):
    return all(torch.equal(some[name], others[name]) for name in some)


def test_a_run_that_goes_on_comes_to_the_same_weights(lessons, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAVED_EVERY", 2)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = Cloning(lessons, SMALL, tmp_path / "a")
    whole.train(QUIET)
    cut = Cloning(lessons, SMALL, tmp_path / "b")
    learn = cut.learn

    def killed():
        if cut.update == 5:
            raise KeyboardInterrupt
        return learn()

    monkeypatch.setattr(cut, "learn", killed)
    with pytest.raises(KeyboardInterrupt):
        cut.train(QUIET)
    again = Cloning(lessons, SMALL, tmp_path / "b")
    assert again.update == 4
    again.train(QUIET)
    assert same(weights(whole), weights(again))
    assert (tmp_path / "a" / "curve.csv").read_text() == (tmp_path / "b" / "curve.csv").read_text()
    other_seed = Cloning(lessons, replace(SMALL, seed=2), tmp_path)
    assert not same(weights(other_seed), weights(Cloning(lessons, SMALL, tmp_path)))


def test_a_checkpoint_of_something_else_is_refused(lessons, tmp_path):
    Cloning(lessons, replace(SMALL, updates=1), tmp_path).train(QUIET)
    with pytest.raises(ConfigError, match="of other settings or lessons"):
        Cloning(lessons, SMALL, tmp_path)
    others = replace(lessons, tokens=[tokens[::-1] for tokens in lessons.tokens])  # as many, and as long
    with pytest.raises(ConfigError, match="of other settings or lessons"):
        Cloning(others, replace(SMALL, updates=1), tmp_path)
    torch.save([1, 2], tmp_path / CHECKPOINT)
    with pytest.raises(ConfigError, match="of other settings or lessons"):
        Cloning(lessons, SMALL, tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"not one")
    with pytest.raises(ConfigError, match="cannot go on from"):
        Cloning(lessons, SMALL, tmp_path)


def test_batches_have_their_share_of_routine_and_nothing_that_is_held_out(lessons, tmp_path):
    settings = replace(SMALL, batch_size=300, routine=0.25)
    cloning = Cloning(lessons, settings, tmp_path)
    chosen = np.concatenate(list(cloning._sub_batches(np.random.default_rng(0))))
    assert lessons.routine[chosen].sum() == 75
    assert set(lessons.tasks[chosen]) == {0, 1}
    assert set(lessons.tasks[cloning.held]) == {2}


def test_too_few_episodes_are_refused(lessons, tmp_path):
    with pytest.raises(ConfigError, match="got 3 episodes, expected more than held_out=3"):
        Cloning(lessons, replace(SMALL, held_out=3), tmp_path)


def test_bad_settings_are_named_together():
    with pytest.raises(ConfigError, match=r"(?s)updates is 0.*batch_size is 2.*routine is 2.*width is 20"):
        CloneSettings(updates=0, batch_size=2, routine=2, width=20)


@pytest.mark.slow
def test_it_learns_what_it_is_shown(lessons, tmp_path):
    """A network that sees the same lessons again and again knows most of their answers."""
    settings = CloneSettings(updates=250, batch_size=48, width=64, layers=2, held_out=1, warm_up=20)
    cloning = Cloning(lessons, settings, tmp_path)
    first = cloning.learn()["answer_loss"]
    for _ in range(249):
        last = cloning.learn()["answer_loss"]
    assert last < first / 10
    cloning.held = np.setdiff1d(np.arange(len(lessons.tasks)), cloning.held)  # those that it has seen
    assert cloning.accuracy()["right_routine"] > 0.9


@pytest.mark.slow
def test_the_command_writes_a_folder_that_plays(file, tmp_path, capsys):
    model = tmp_path / "model"
    given = ["--updates", "3", "--batch-size", "6", "--width", "16", "--layers", "1", "--held-out", "1"]
    assert main(["clone", str(file), "-o", str(model), *given]) == 0
    assert "weights; right on held-out lessons: routine" in capsys.readouterr().out
    assert json.loads((model / "card.json").read_text())["episodes"] == 3
    tokenizer = transformers.AutoTokenizer.from_pretrained(model, local_files_only=True)
    network = transformers.AutoModelForCausalLM.from_pretrained(model, local_files_only=True)
    assert network.config.vocab_size == len(tokenizer)
