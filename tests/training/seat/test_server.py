"""The page of a game: who may ask, what a move must be, and what every answer carries."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from game_parts import HOSTILE, own_work, play_on, small_game
from starlette.testclient import TestClient

from training.seat.choices import Move
from training.seat.game import CHOOSING, ENDED
from training.seat.guard import LARGEST_BODY, Address
from training.seat.server import MoveFormError, Seat, read_move

ROOT = Path(__file__).parents[3]
ADDRESS = Address(40123, "right-token")
FREE = {"work": 1, "speech": 0, "recipient": 0, "topic": 0}


def client_of(game, finished=None):
    return TestClient(Seat(game, finished).app(ADDRESS), base_url=ADDRESS.origin, raise_server_exceptions=False)


@pytest.fixture
def game():
    return small_game()


@pytest.fixture
def client(game):
    return client_of(game)


def post(client, move, **headers):
    kept = {"origin": ADDRESS.origin, "content-type": "application/json", **headers}
    content = move if isinstance(move, bytes) else json.dumps(move)
    return client.post("/right-token/step", content=content, headers={k: v for k, v in kept.items() if v is not None})


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- who may ask -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "play.js", "play.css", "state", "replay", "step", "no-such-file"])
@pytest.mark.parametrize("start", ["/", "/wrong-token/", "/right-toke/", "/right-token2/", "//right-token/", "/ü/"])
def test_every_request_needs_the_token(client, start, name):
    answer = client.get(ADDRESS.origin + start + name)
    assert answer.status_code == 403
    assert answer.text.startswith("The address has no valid token.")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:40124", "localhost:40123", "evil.example:40123", "127.0.0.1:40123.evil.example", ""],
)
def test_another_host_is_refused(client, host):
    answer = client.get("/right-token/state", headers={"host": host})
    assert (answer.status_code, answer.text[:8]) == (403, "The Host")


@pytest.mark.parametrize(
    "origin", [None, "null", "http://127.0.0.1:40124", "http://localhost:40123", "https://127.0.0.1:40123"]
)
def test_a_move_from_another_origin_is_refused(client, game, origin):
    assert post(client, {"step": 0, **FREE}, origin=origin).status_code == 403
    assert game.step == 0


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_move_is_json(client, game, kind):
    assert post(client, {"step": 0, **FREE}, **{"content-type": kind}).status_code == 415
    assert game.step == 0


def test_a_large_body_is_refused_before_it_is_read(client, game):
    assert post(client, b" " * (LARGEST_BODY + 1)).status_code == 413
    assert post(client, {"step": 0, **FREE}, **{"content-length": "-1"}).status_code == 413
    assert game.step == 0


def test_a_body_without_a_length_is_refused(client):
    headers = {"origin": ADDRESS.origin, "content-type": "application/json"}
    answer = client.post("/right-token/step", content=iter([b"{" * 3000]), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["", "play.js", "state", "nowhere", "../wrong"])
def test_every_answer_carries_the_headers(client, path):
    headers = client.get(f"/right-token/{path}").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_files_of_the_page_have_their_types(client):
    kinds = {name: client.get(f"/right-token/{name}").headers["content-type"] for name in ("", "play.js", "play.css")}
    assert [kind.partition(";")[0] for kind in kinds.values()] == ["text/html", "text/javascript", "text/css"]


def test_the_page_is_plain(client):
    script, page = client.get("/right-token/play.js").text, client.get("/right-token/").text
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script)
    assert not re.findall(r"https?://|style=|\son\w+=", page)


# --- moves -------------------------------------------------------------------------------------------------------


def test_a_move_takes_the_step(client, game):
    answer = post(client, {"step": 0, "work": 1, "speech": 2, "recipient": 0, "topic": 0})
    assert answer.status_code == 200
    wait_for(lambda: game.phase == CHOOSING)
    state = client.get("/right-token/state").json()
    assert (state["step"], state["mail"][0]["said"]) == (1, "you asked manager_0 by chat about s0")
    assert game.trace.work[0, 1] == 0


def test_an_illegal_choice_gets_the_reason_and_the_game_stays(client, game):
    answer = post(client, {"step": 0, **FREE, "work": 3})
    assert answer.status_code == 422
    assert answer.json() == {"error": "work 's2 Third' is not possible now: blocked: needs s0 and s1"}
    answer = post(client, {"step": 0, "work": 1, "speech": 6, "recipient": 0, "topic": 0})
    assert (answer.status_code, "only the manager assigns" in answer.text) == (422, True)
    assert (game.step, game.phase) == (0, CHOOSING)


def test_a_double_click_steps_once(client, game):
    assert post(client, {"step": 0, **FREE}).status_code == 200
    wait_for(lambda: game.phase == CHOOSING)
    assert post(client, {"step": 0, **FREE}).status_code == 409
    assert game.step == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"step": 0}', b"[" * 1500, b"\xff", b'{"step": 0, "work": 1}',
        json.dumps({"step": 0, **FREE, "more": 1}).encode(), json.dumps({"step": 0, **FREE, "work": True}).encode(),
        json.dumps({"step": 0, **FREE, "work": 1.0}).encode(), json.dumps({"step": "0", **FREE}).encode(),
    ],
)  # fmt: skip
def test_a_body_that_is_no_move_is_refused(client, game, body):
    answer = post(client, body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert game.step == 0


def test_a_move_is_read_by_its_keys():
    assert read_move(json.dumps({"step": 4, "topic": 3, "work": 0, "speech": 1, "recipient": 2}).encode()) == (
        4,
        Move(0, 1, 2, 3),
    )
    with pytest.raises(MoveFormError, match="exactly the keys step, work, speech, recipient, topic"):
        read_move(b"{}")


def test_a_negative_or_large_index_is_illegal(client, game):
    for value in (-1, 99, 10**30):
        assert post(client, {"step": 0, **FREE, "work": value}).status_code == 422
    assert game.step == 0


def test_partners_may_be_slow(client, game):
    go = threading.Event()
    act = game.partners.act
    game.partners.act = lambda *given: go.wait(20) and act(*given)
    answer = post(client, {"step": 0, **FREE})
    assert (answer.status_code, answer.json()["phase"], answer.json()["step"]) == (200, "waiting", 0)
    assert post(client, {"step": 0, **FREE}).status_code == 409
    assert client.get("/right-token/state").json()["phase"] == "waiting"
    go.set()
    wait_for(lambda: game.phase == CHOOSING)
    assert client.get("/right-token/state").json()["step"] == 1


# --- texts of others ---------------------------------------------------------------------------------------------


def test_a_hostile_title_is_data(client):
    state = client.get("/right-token/state")
    assert state.headers["content-type"] == "application/json"
    assert state.json()["view"]["subtasks"][0]["title"] == HOSTILE
    assert "<img" not in client.get("/right-token/").text


# --- the replay --------------------------------------------------------------------------------------------------


def test_the_replay_is_shown_at_the_end_and_runs_apart(game):
    client = client_of(game, lambda played: f"<script>1</script>{played.step} steps")
    assert client.get("/right-token/replay").status_code == 404
    play_on(game)
    assert game.phase == ENDED
    answer = client.get("/right-token/replay")
    assert (answer.status_code, answer.text) == (200, f"<script>1</script>{game.step} steps")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "connect-src" not in policy
    assert client.get("/right-token/state").json()["replay"] is True


def test_without_a_replay_there_is_none(client, game):
    play_on(game)
    assert client.get("/right-token/replay").status_code == 404
    assert client.get("/right-token/state").json()["replay"] is False


# --- the program -------------------------------------------------------------------------------------------------


def start_program(*words):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "training", "play", *words], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    found = re.search(r"http://127\.0\.0\.1:(\d+)/[\w-]{32}/", process.stdout.readline())
    return process, found


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_the_program_serves_on_loopback_and_ctrl_c_ends_it_cleanly():
    process, found = start_program()
    with urllib.request.urlopen(f"{found[0]}state", timeout=20) as answer:
        state = json.load(answer)
        assert "server" not in answer.headers
    assert state["view"]["me"] == "worker_1"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=20)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (
        errors.strip() == "interrupted; the game is over, and nothing of it was kept; the same command begins a new one"
    )
    assert "Traceback" not in out + errors


def test_wrong_names_are_named_before_anything_is_served(capsys):
    from training.__main__ import main

    assert main(["play", "--as", "worker_7"]) == 2
    assert "unknown --as 'worker_7'; did you mean 'worker_" in capsys.readouterr().err
    assert main(["play", "--team", "proactiv"]) == 2
    assert "did you mean 'proactive'?" in capsys.readouterr().err
    assert main(["play", "--workflow", "csv-import-tol"]) == 2
    assert "did you mean 'csv-import-tool'?" in capsys.readouterr().err


def test_the_work_of_the_person_goes_on_to_the_end(client, game):
    while game.phase == CHOOSING:
        step = game.step
        assert post(client, {"step": step, **FREE, "work": own_work(game)}).status_code == 200
        wait_for(lambda: game.phase in (CHOOSING, ENDED))
    result = client.get("/right-token/state").json()["result"]
    assert result["finished"] is True
