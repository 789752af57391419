"""A tiny random transformer, made here, plays through the same path as every other model."""

from __future__ import annotations

import asyncio
import json

import pytest
from prompted_team import prompted, small_batch

from agents.play import play
from agents.prompted.backends import CUT_OFF, Question
from agents.prompted.backends.base import LOCAL_DECODING
from agents.prompted.client.client import client_of, close_all
from agents.prompted.settings import ModelSettings
from agents.prompted.strategies.c2c import Intended
from agents.prompted.strategies.react import Reasoned
from agents.prompted.strategies.spp import Performance
from agents.prompted.strategies.tme import Remembering
from c2c_env.errors import EndpointError
from c2c_env.text.answer import Choice, Work, with_variant

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
    yield {"backend": "transformers", "cache": str(tmp_path / "cache"), "max_tokens": 8, "answer_format": "text"}
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
    from agents.prompted.backends.local import _prompt

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


# --- answers that are held to their form ----------------------------------------------------------------------


def ask(folder, form, max_tokens, words="Go.", **options):
    """One answer of the model with random weights, drawn at random."""
    from agents.prompted.backends.local import LocalModel

    model = LocalModel(ModelSettings.of({"backend": "transformers", "temperature": 1.0, **options}))

    async def once():
        reply = await model.complete(Question(str(folder), (("user", words),), form, max_tokens=max_tokens))
        await model.close()
        return reply

    return asyncio.run(once())


@pytest.mark.parametrize("form", [Work, Choice, with_variant(Choice), Intended, Reasoned, Performance, Remembering])
def test_random_weights_fill_in_every_form_in_its_order(folder, form):
    """A token is a character here, so random strings have no end before the room for them is used up."""
    reply = ask(folder, form, 420)
    filled = json.loads(reply.text)
    assert form.model_validate(filled)
    assert list(filled) == list(form.model_fields)
    assert reply.note == ""


def test_an_answer_ends_where_its_object_closes(folder):
    """{"work": null} and {"work": "x"} have 14 and 13 characters, and none comes behind them."""
    reply = ask(folder, Work, 60)
    assert reply.text.endswith("}")
    assert reply.completion_tokens == len(reply.text.encode())


def test_an_answer_without_room_for_its_keys_is_cut_off(folder):
    reply = ask(folder, Choice, 9)
    assert (reply.text, reply.note) == ('{"work": ', CUT_OFF)  # 9 characters, all of which are forced


def test_any_object_is_held_to_json_alone(folder):
    """What is drawn depends on the name of the folder, and a random string may fill all the room; some answer ends."""
    for number in range(40):
        reply = ask(folder, Choice, 60, f"Go {number}.", answer_format="json_object")
        assert reply.text.startswith("{")
        if reply.note != CUT_OFF:
            assert isinstance(json.loads(reply.text), dict)
            return
    raise AssertionError("no answer has ended")


def test_in_a_whole_episode_nothing_is_wrong_with_the_form(local, folder):
    options = {**local, "answer_format": "json_schema", "max_tokens": 150, "temperature": 1.0}
    (_,), policy = play_briefly(options, folder, "direct", steps=1)
    texts = [turn.reply.text for turn in policy.turns[0]]
    assert [list(json.loads(text)) for text in texts] == [list(Choice.model_fields)] * 2


def test_a_tokenizer_that_cannot_be_read_says_what_to_do(local, folder, monkeypatch):
    import llguidance.hf

    monkeypatch.setattr(llguidance.hf.transformers, "PreTrainedTokenizerFast", tuple)  # as if it were a slow one
    options = {**local, "answer_format": "json_schema"}
    with pytest.raises(
        EndpointError, match=r"llguidance cannot read its tokenizer .*; answer_format=text asks for JSON"
    ):
        prompted(small_batch(), "direct", options, model=str(folder))
    prompted(small_batch(), "direct", local, model=str(folder))


def test_a_form_that_no_grammar_can_say_is_an_error(folder):
    from agents.prompted.backends.constrained import Grammars

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    grammars = Grammars("m", tokenizer, len(tokenizer), (tokenizer.eos_token_id,))
    with pytest.raises(EndpointError, match="no grammar can be made of the form of the answer"):
        grammars.held({"type": "string", "pattern": "(?=a)b\\1"}, 100)


def test_tool_calls_are_for_endpoints(local, folder):
    with pytest.raises(EndpointError, match="json_schema, json_object or text"):
        prompted(small_batch(), "direct", {**local, "answer_format": "tool"}, model=str(folder))


def test_answers_kept_from_before_decoding_was_held_are_not_taken(folder):
    asked = Question("m", (("user", "Go."),), Work)
    assert asked.content(ModelSettings(backend="transformers"))["decoding"] == LOCAL_DECODING
    assert "decoding" not in asked.content(ModelSettings())


@pytest.mark.parametrize(
    ("prompt", "written", "whole"),
    [
        ("user: Go.", 'Well. {"work": null}', True),
        ("user: Go.", 'Well. {"work": {}', False),
        ("user: Go.", '<think>{"work": null}', False),
        ("user: Go.", '<think>{"work": null}</think>{"work": "s1"}', True),
        ("user: Go.\n<think>\n", '{"work": null}', False),  # its chat template has begun the reasoning
        ("user: Go.\n<think>\n", 'So.</think>{"work": null}', True),
        ("user: Go.\n<|assistant|>", '{"work": null}', True),
    ],
)
def test_a_free_answer_ends_with_its_first_object_behind_the_reasoning(folder, prompt, written, whole):
    from agents.prompted.backends.constrained import FreeAnswer

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    before, behind = (tokenizer(text, return_tensors="pt")["input_ids"] for text in (prompt, written))
    answer = FreeAnswer(tokenizer, prompt, before.shape[1])
    assert answer.has_ended(torch.cat([before, behind], 1), None).tolist() == [whole]
    assert answer.is_whole == whole
