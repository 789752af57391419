"""A tiny random transformer, made here, plays through the same path as every other model."""

from __future__ import annotations

import pytest
from prompted_team import prompted, small_batch

from agents.play import play
from agents.prompted.client.client import client_of, close_all
from agents.prompted.settings import ModelSettings
from c2c_env.errors import EndpointError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
ROOM = 8192


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of two layers with random weights and a tokenizer of single bytes."""
    place = tmp_path_factory.mktemp("model")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate([*alphabet, "<end>"])}
    plain = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    plain.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = tokenizers.decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<end>").save_pretrained(place)
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(vocabulary), n_positions=ROOM, n_embd=16, n_layer=2, n_head=2,
        bos_token_id=len(alphabet), eos_token_id=len(alphabet),
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(place)
    return place


@pytest.fixture
def local(tmp_path):
    yield {"backend": "transformers", "cache": str(tmp_path / "cache"), "max_tokens": 8}
    close_all()


def play_briefly(options, folder, strategy="no_communication", steps=2):
    batch = small_batch(1, 2, horizon=steps)
    policy = prompted(batch, strategy, options, model=str(folder))
    return play(batch, policy), policy


def test_random_weights_say_nothing_usable_and_are_counted(local, folder):
    (metrics,), policy = play_briefly(local, folder)
    columns = policy.episode_columns(0)
    assert columns["answers"] == columns["answers_invalid"] == 4
    assert columns["completion_tokens"] <= 4 * 8
    assert 4 * 1000 < columns["prompt_tokens"] < 4 * ROOM
    assert columns["failed"] == 0
    assert metrics["work_hours"] == 0


@pytest.mark.parametrize("temperature", [0.0, 1.0, None])
def test_the_same_question_has_the_same_answer(local, folder, tmp_path, temperature):
    seen = []
    for run in range(2):
        options = {**local, "temperature": temperature, "cache": str(tmp_path / f"cache{run}")}
        _, policy = play_briefly(options, folder, steps=1)
        seen.append([turn.reply.text for turn in policy.turns[0]])
    assert seen[0] == seen[1]
    assert client_of(ModelSettings.of(options)).meter.totals.cached == 0


def test_seed_and_share_of_probability_reach_the_model(local, folder):
    said = {}
    for name, change in {"plain": {}, "seed": {"seed": 1}, "least": {"top_p": 1e-9}}.items():
        _, policy = play_briefly({**local, "temperature": 1.0, **change}, folder, steps=1)
        said[name] = [turn.reply.text for turn in policy.turns[0]]
    _, policy = play_briefly({**local, "temperature": 0.0}, folder, steps=1)
    assert said["seed"] != said["plain"]
    # only the most probable token is left, which is what no sampling takes
    assert said["least"] == [turn.reply.text for turn in policy.turns[0]]


def test_a_prompt_that_does_not_fit_fails_its_episode(local, folder):
    (_,), policy = play_briefly({**local, "max_tokens": ROOM}, folder)
    assert f"the model takes {ROOM} with its answer" in policy.episode_columns(0)["failure"]


def test_a_chat_template_is_used(local, folder):
    from agents.prompted.backends import Question
    from agents.prompted.backends.local import _prompt
    from c2c_env.text.answer import Work

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    asked = Question("m", (("system", "Be."), ("user", "Go.")), Work)
    assert _prompt(tokenizer, asked) == "system: Be.\n\nuser: Go.\n\nassistant: "
    tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}>"
    assert _prompt(tokenizer, asked) == "[system]Be.[user]Go.>"


def test_no_folder_or_no_model_stops_at_once(local, folder, tmp_path):
    with pytest.raises(EndpointError, match="there is no folder 'nowhere'"):
        prompted(small_batch(), "direct", local, model="nowhere")
    with pytest.raises(EndpointError, match="cannot load a model from"):
        prompted(small_batch(), "direct", local, model=str(tmp_path))


def test_pickled_weights_are_not_loaded(local, folder, tmp_path):
    """A .bin file is a pickle, which could execute code."""
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    network = transformers.AutoModelForCausalLM.from_pretrained(folder)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(EndpointError, match="cannot load a model from"):
        prompted(small_batch(), "direct", local, model=str(tmp_path))
