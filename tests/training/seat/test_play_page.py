"""The page in a real browser: a game by clicks, one by keyboard, texts of others, tabs, and partners that fail."""

from __future__ import annotations

import re
import socket
import threading
import time

import pytest
from browser import open_browser
from game_parts import HOSTILE, own_work, small_game

from c2c_env.core import constants as c
from c2c_env.text.observation_text import Letter
from training.seat.choices import Move
from training.seat.guard import Address
from training.seat.keeping import replay_html
from training.seat.server import Seat, make_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture
def serving():
    """Serve games; each is served until the test ends."""
    running = []

    def serve(game, finished=None):
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = Address(listening.getsockname()[1], "token-of-the-test")
        server = make_server(Seat(game, finished).app(address))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        running.append((server, thread, listening))
        return address

    yield serve
    for server, thread, listening in running:
        server.should_exit = True
        thread.join(20)
        listening.close()


@pytest.fixture
def watched(browser):
    """Open pages of one context, and fail at the end if a console said something or a request left this machine."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    said, asked = [], []

    def open_page(address):
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address.page)
        page.locator("#work label").first.wait_for()
        return page

    yield open_page
    context.close()
    assert said == []
    assert [url for url in asked if not re.match(r"http://127\.0\.0\.1:\d+/|data:", url)] == []
    assert asked


def at_step(page, number):
    page.locator("#clock", has_text=f"Step {number} of at most").wait_for(timeout=10000)


def result_rows(page):
    page.locator("#teams tr").nth(1).wait_for(timeout=30000)
    return page.locator("#teams tr").all_inner_texts()


def test_a_game_is_played_to_its_end_with_clicks(serving, watched):
    game = small_game()
    page = watched(serving(game, lambda played: f"<title>Replay</title><p>{played.step} steps</p>"))
    page.get_by_role("radio", name=re.compile("^Ask by chat")).check()
    assert page.locator("#go").is_disabled()
    assert page.locator("#summary").inner_text().endswith("Choose to whom.")
    page.get_by_text("manager_0", exact=True).first.click()
    page.locator("#topic").get_by_text("s0").click()
    assert "(manager_0 about s0), which costs you 0.05 h and the reader 0.05 h: 0.1 h in all" in page.inner_text(
        "#summary"
    )
    page.get_by_text("the whole team", exact=True).click()
    assert "costs you 0.05 h and each of 2 readers 0.05 h: 0.15 h in all" in page.inner_text("#summary")
    step = 0
    while game.phase == "choosing":
        page.locator(f"input[name=work][value='{own_work(game)}']").check()
        page.click("#go")
        step += 1
        at_step(page, step)
    assert (game.trace.speech[:2, 1].tolist(), game.trace.recipient[0, 1]) == ([c.CHAT_ASK, c.SILENT], 3)
    rows = result_rows(page)
    assert [row.split("\t")[0] for row in rows] == [
        "team", "you, as worker_1", "proactive", "learned", "no team needs less than",
    ]  # fmt: skip
    page.click("#replay a")
    assert page.inner_text("p") == f"{step} steps"


def test_the_replay_of_a_game_works_where_it_runs_apart(serving, watched):
    game = small_game()
    page = watched(serving(game, replay_html))
    while game.phase == "choosing":
        step = game.step
        page.locator(f"input[name=work][value='{own_work(game)}']").check()
        page.click("#go")
        at_step(page, step + 1)
    result_rows(page)
    page.click("#replay a")
    page.locator(".axis").first.wait_for()
    assert page.evaluate("self.origin") == "null"  # it reaches neither the game nor its address
    assert page.inner_text("h1") == HOSTILE
    page.keyboard.press("ArrowRight")
    page.locator(".episode").first.locator(".subtask").nth(1).click()
    assert page.inner_text(".details h3") == "Subtask 1: Second"
    page.wait_for_timeout(400)  # the address is written after a while
    assert page.inner_text(".clock").startswith("Step 1 of ")
    page.keyboard.press("End")
    both = [int(game.metrics["steps"]), int(next(y for y in game.yardsticks).metrics["completion_time"] / 0.5)]
    assert page.inner_text(".clock").startswith(f"Step {max(both)} of {max(both)}, ")
    page.go_back()
    assert result_rows(page)[1].startswith("you, as worker_1")


def test_a_game_is_played_to_its_end_by_keyboard(serving, watched):
    game = small_game("manager_0", partners="no_communication")
    page = watched(serving(game))
    step = 0
    page.locator("input[name=work]:checked").focus()
    for name, keys in (("speech", 1), ("recipient", 1), ("topic", 1)):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.name") == name
        for _ in range(keys):
            page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.checked")
    page.keyboard.press("Enter")
    at_step(page, 1)
    assert game.trace.speech[0, 0] == c.CHAT_TELL
    assert game.trace.recipient[0, 0] in (1, 2)
    while game.phase == "choosing" and step < 40:
        page.locator("input[name=work]:checked").focus()
        step = game.step
        page.keyboard.press("Enter")
        at_step(page, step + 1)
    assert result_rows(page)[0].startswith("team")
    assert game.phase == "ended"


def test_illegal_choices_are_greyed_with_their_reason(serving, watched):
    page = watched(serving(small_game()))
    blocked = page.locator("#work label", has_text="s2 Third")
    assert blocked.locator("input").is_disabled()
    assert "blocked: needs s0 and s1" in blocked.inner_text()
    assign = page.locator("#speech label", has_text="Assign by chat")
    assert assign.locator("input").is_disabled()
    assert "only the manager assigns" in assign.inner_text()


def test_texts_of_others_are_shown_as_text(serving, watched):
    game = small_game()
    game.partners.letters_to = lambda agent, step, observation: (Letter(2, c.CHAT_TELL, 0, HOSTILE, 0),)
    page = watched(serving(game))
    page.click("#go")
    at_step(page, 1)
    assert page.inner_text("h1") == HOSTILE
    assert HOSTILE in page.locator("label:has(input[name=work][value='1'])").inner_text()
    assert page.locator("#mail q").inner_text() == HOSTILE
    assert page.locator("img").count() == 0


def test_tabs_show_the_same_game(serving, watched):
    game = small_game()
    address = serving(game)
    first, second = watched(address), watched(address)
    first.click("#go")
    at_step(first, 1)
    at_step(second, 1)
    assert game.step == 1


def test_the_page_says_that_it_waits_and_why_the_game_has_failed(serving, watched):
    game, go = small_game(), threading.Event()

    def act(*given):
        go.wait(20)
        raise RuntimeError("no model <b>answers</b>")

    game.partners.act = act
    page = watched(serving(game))
    page.click("#go")
    page.locator("#notice", has_text="Your teammates decide.").wait_for()
    assert page.locator("#go").is_disabled()
    go.set()
    page.locator("#notice.trouble", has_text="no model <b>answers</b>").wait_for()
    assert page.locator("#notice").inner_text().startswith("The partners (proactive) cannot go on: RuntimeError:")
    assert page.locator("#decision").is_hidden()


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_is_no_wider_than_the_screen(serving, browser, width):
    game = small_game()
    address = serving(game)
    page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    page.goto(address.page)
    page.locator("#work label").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    while game.phase == "choosing":
        game.take(Move(own_work(game)))
    result_rows(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.context.close()


def test_a_double_click_takes_one_step(serving, watched):
    game = small_game()
    page = watched(serving(game))
    page.locator("#go").hover()
    for count in (1, 2):  # the second click comes when the first step is already taken
        page.mouse.down(click_count=count)
        page.mouse.up(click_count=count)
        at_step(page, 1)
    time.sleep(0.5)
    assert game.step == 1
    page.click("#go")
    at_step(page, 2)
