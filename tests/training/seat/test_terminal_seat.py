"""A game in the terminal, with a scripted input."""

from __future__ import annotations

import io

from game_parts import HOSTILE, own_work, small_game
from rich.console import Console

from training.__main__ import main
from training.seat.game import CHOOSING, ENDED
from training.seat.terminal_seat import board_table, play_in_terminal


def typed(game, lines):
    """What reads these lines one after the other, and after them does what there is to do in silence."""
    waiting = list(lines)
    asked = []

    def read(question):
        asked.append(question)
        return waiting.pop(0) if waiting else str(own_work(game)) if question.startswith("Work on") else ""

    return read, asked


def played(game, lines):
    out = io.StringIO()
    read, asked = typed(game, lines)
    status = play_in_terminal(game, Console(file=out, width=140, highlight=False), read)
    return status, out.getvalue(), asked


def test_a_game_is_played_to_its_end():
    game = small_game()
    first = ["4", "x", "-1", "1", "6", "2", "", "1", "0", "1"]
    status, shown, asked = played(game, first)
    assert (status, game.phase) == (0, ENDED)
    # work: s2 is blocked, two that are no numbers, s0; speech: not assign, ask by chat; to: not nobody nor oneself
    assert asked[:10] == ["Work on [0]> "] * 4 + ["Say [0]> "] * 2 + ["To> "] * 3 + ["About [0]> "]
    assert "s3 Released is not possible now: a milestone: it is done by itself after s2." in shown
    assert shown.count("Expected a number from 0 to 4.") == 2
    assert "Assign by chat is not possible now: only the manager assigns." in shown
    assert "worker_1 is not possible now: that is you." in shown
    assert "This costs you 0.05 h and the reader 0.05 h: 0.1 h in all, read after 1 step." in shown
    assert "step 1: you asked manager_0 by chat about s1" in shown
    assert (game.trace.speech[0, 1], game.trace.topic[0, 1], game.trace.work[0, 1]) == (2, 1, 0)
    assert "All work is done." in shown
    assert "no team needs less than" in shown


def test_texts_of_workflows_are_no_markup():
    game, out = small_game(), io.StringIO()
    console = Console(file=out, width=300, highlight=False)
    console.print(board_table(game.as_data()["view"]))
    assert f"s0 {HOSTILE}" in out.getvalue()
    _, shown, _ = played(game, [])
    assert f" {HOSTILE}: step 0 of at most 16 " in shown  # the line at the top
    assert f"  1  s0 {HOSTILE}\n" in shown  # the choices


def test_enter_goes_on_with_the_work():
    game = small_game(partners="no_communication")
    played(game, ["1", "", ""])
    assert game.trace.work[:2, 1].tolist() == [0, 0]


def test_the_end_of_the_input_ends_the_game():
    def read(question):
        raise EOFError

    game, out = small_game(), io.StringIO()
    assert play_in_terminal(game, Console(file=out, width=140), read) == 1
    assert game.phase == CHOOSING
    assert "nothing of it was kept" in out.getvalue()


def test_the_command_plays_in_the_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n" * 5000))
    assert main(["play", "--terminal", "--team-size", "3", "--workflow", "csv-import-tool"]) == 0
    assert "The same episode" in capsys.readouterr().out
