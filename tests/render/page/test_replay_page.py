"""The page in a browser: it asks no network, follows mouse and keyboard, and shows hostile text as text."""

from __future__ import annotations

import copy
import functools

import pytest
from browser import open_browser
from page_example import example, stretched

from c2c_env.render.page import write_page

NASTY = "<img src=x onerror=alert(1)></script><b>bold</b>"

pytestmark = pytest.mark.slow


@functools.cache
def played(*policies):
    return example(*policies)


def one():
    """An episode whose first message has a value and whose agents were asked for it, with hostile texts."""
    data = copy.deepcopy(played("proactive"))
    data["workflow"]["title"] = data["subtasks"][1]["title"] = NASTY
    episode = data["episodes"][0]
    message = episode["messages"][0]
    message["value"] = -1.25
    prompt = [{"role": "system", "content": f"rules {NASTY}"}, {"role": "user", "content": "observation"}]
    text = {"step": message["sent"], "agents": [message["sender"]], "prompt": prompt, "answer": f"answer {NASTY}"}
    episode["texts"] = [text | {"label": "repaired", "prompt_tokens": 812, "answer_tokens": None, "money": 0.0123}]
    return data


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


class Opened:
    """A page in a browser, with what it asked for and what it complained about."""

    def __init__(self, browser, path, data, *, address="", width=1440, scheme="light"):
        write_page(data, path)
        self.data, self.requests, self.complaints = data, [], []
        viewport = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("a dialog"), dialog.dismiss()))
        self.url = path.as_uri()
        self.page.goto(self.url + address)
        self.page.wait_for_selector(".axis")

    @property
    def step(self):
        return int(self.page.locator(".clock").inner_text().split()[1])

    def text(self, selector):
        return self.page.locator(selector).first.inner_text()


@pytest.fixture
def opened(browser, tmp_path):
    made = []

    def open_page(data, **settings):
        made.append(Opened(browser, tmp_path / f"{len(made)}.html", data, **settings))
        return made[-1]

    yield open_page
    for page in made:
        page.context.close()
        assert page.complaints == []
        assert len(page.requests) > 0
        assert {url.split("#")[0] for url in page.requests} == {page.url}


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("policies", [("proactive",), ("proactive", "no_communication")])
def test_nothing_is_wider_than_the_page(opened, width, scheme, policies):
    shown = opened(played(*policies), width=width, scheme=scheme)
    shown.page.locator("details.tables").evaluate("box => (box.open = true)")
    assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    dark = shown.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert dark == (scheme == "dark")


def test_buttons_and_the_slider_change_the_step(opened):
    shown = opened(one())
    assert shown.step == 0
    shown.page.get_by_role("button", name="Step forth").click()
    assert shown.step == 1
    shown.page.get_by_role("button", name="Last step").click()
    assert shown.step == shown.data["episodes"][0]["steps"]
    shown.page.get_by_role("button", name="Step back").click()
    assert shown.step == shown.data["episodes"][0]["steps"] - 1
    shown.page.get_by_role("button", name="First step").click()
    assert shown.step == 0
    slider = shown.page.get_by_role("slider", name="Step", exact=True)
    slider.focus()
    shown.page.keyboard.press("ArrowRight")
    assert shown.step == 1
    box = slider.bounding_box()
    shown.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert abs(shown.step - shown.data["episodes"][0]["steps"] / 2) <= 1


def test_keys_step_play_and_visit_events(opened):
    shown = opened(one())
    events = sorted({event["step"] for event in shown.data["episodes"][0]["events"]})
    for key, step in [("ArrowRight", 1), ("End", shown.data["episodes"][0]["steps"]), ("Home", 0), ("n", events[0])]:
        shown.page.keyboard.press(key)
        assert shown.step == step, key
    shown.page.keyboard.press("n")
    assert shown.step == events[1]
    shown.page.keyboard.press("p")
    assert shown.step == events[0]
    shown.page.keyboard.press("Home")
    shown.page.keyboard.press(" ")
    shown.page.wait_for_function("() => !document.querySelector('.clock').textContent.startsWith('Step 0')")
    assert shown.text(".play") == "Pause"
    shown.page.keyboard.press(" ")
    assert shown.text(".play") == "Play"
    still = shown.step
    shown.page.wait_for_timeout(500)
    assert shown.step == still > 0


def test_the_tab_key_visits_the_controls_in_order_and_shows_where_it_is(opened):
    shown = opened(one())
    focused = """() => {
      const { ariaLabel, textContent, tagName } = document.activeElement;
      const said = tagName === 'SELECT' ? 'speed' : ariaLabel ?? textContent;
      return [said, getComputedStyle(document.activeElement).outlineWidth];
    }"""
    visited = []
    for _ in range(9):
        shown.page.keyboard.press("Tab")
        visited.append(shown.page.evaluate(focused))
    names = [
        "First step",
        "Step back",
        "Play",
        "Step forth",
        "Last step",
        "Previous event",
        "Next event",
        "speed",
        "Step",
    ]
    assert visited == [[name, "3px"] for name in names]


def test_playing_stops_at_the_end(opened):
    shown = opened(one())
    last = shown.data["episodes"][0]["steps"]
    shown.page.keyboard.press("End")
    shown.page.keyboard.press("ArrowLeft")
    shown.page.keyboard.press(" ")
    shown.page.wait_for_function("() => document.querySelector('.play').textContent === 'Play'")
    assert shown.step == last


def test_the_graph_shows_each_subtask_as_it_is(opened):
    shown = opened(one())
    episode = shown.data["episodes"][0]
    boxes = shown.page.locator(".subtask")
    for key, step in [("Home", 0), ("End", episode["steps"])]:
        shown.page.keyboard.press(key)
        for k in range(len(shown.data["subtasks"])):
            said = boxes.nth(k).get_attribute("aria-label")
            left, effort = episode["remaining"][step][k], shown.data["subtasks"][k]["effort"]
            assert f"{100 * (1 - left / effort):.0f} % done" in said
            assert ["blocked", "ready", "done"][episode["status"][step][k]] in said
            owner = episode["owner"][step][k]
            assert owner < 0 or shown.data["agents"][owner] in said


def test_the_map_shows_alignment_in_numbers_for_the_cell_with_the_focus(opened):
    shown = opened(one(), address="#step=30")
    start, factors = (shown.data["episodes"][0]["alignment"][step] for step in (0, 30))
    assert start[1][2] != factors[1][2]
    shown.page.locator(".cell").first.focus()
    assert shown.text(".said").endswith(f": {factors[0][0] / 1000:.2f}")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        shown.page.keyboard.press(key)
    assert shown.text(".said").startswith("worker_1, subtask 2 ")
    assert shown.text(".said").endswith(f": {factors[1][2] / 1000:.2f}")
    assert shown.step == 30
    shown.page.keyboard.press("Enter")
    assert shown.text(".details h3").startswith("Subtask 2")
    shown.page.keyboard.press("Escape")
    assert shown.text(".details h3") == "Selection"


def test_a_message_shows_its_costs_its_effect_and_its_text(opened):
    shown = opened(one())
    message = shown.data["episodes"][0]["messages"][0]
    shown.page.locator(".message").first.evaluate(
        "arc => arc.dispatchEvent(new MouseEvent('click', { bubbles: true }))"
    )
    text = shown.text(".details")
    (reading,) = message["readings"]
    sender, reader = (shown.data["agents"][agent] for agent in (message["sender"], reading["agent"]))
    assert f"Paid by: {sender} {message['hours']:.2f} h, {reader} {reading['hours']:.2f} h." in text
    assert "The team lost 1.25 h by it." in text
    assert f"answer {NASTY}" in text
    for before, after in zip(reading["before"], reading["after"], strict=True):
        assert f"{before:.2f} → {after:.2f}" in text


def test_the_host_of_a_meeting_pays_once(opened):
    data = one()
    message = data["episodes"][0]["messages"][0]
    sender, reader = message["sender"], message["readings"][0]["agent"]
    there = [{"agent": agent, "hours": 0.5 * (agent != sender)} for agent in sorted((sender, reader))]
    readings = [message["readings"][0] | one_there for one_there in there]
    message |= {"speech": "meet", "channel": 2, "hours": 0.5, "readings": readings}
    shown = opened(data, address="#message=0.0")
    agents = data["agents"]
    assert f"Paid by: {agents[sender]} 0.50 h, {agents[reader]} 0.50 h." in shown.text(".details")


def test_an_episode_of_every_kind_of_event_marks_each(opened):
    data = one()
    kinds = ["finished", "rework", "changed", "meeting", "refused"]
    data["episodes"][0]["events"] = [
        {"step": n, "kind": kind, "subtask": 1, "agent": 0} for n, kind in enumerate(kinds, 1)
    ]
    shown = opened(data)
    for n, kind in enumerate(kinds, 1):
        assert shown.page.locator(f".marks .mark-{kind}").count() == 1
        shown.page.keyboard.press("n")
        assert shown.step == n
    assert "Step 5: meeting refused, subtask 1" in shown.page.locator(".marks .mark-refused title").text_content()


def test_an_arc_is_dashed_until_it_is_read(opened):
    shown = opened(one())
    message = shown.data["episodes"][0]["messages"][0]
    (reading,) = message["readings"]
    arc = shown.page.locator(".message").first
    for step, phase in [(message["sent"] - 1, "future"), (message["sent"], "travelling"), (reading["step"], "read")]:
        shown.page.evaluate(f"location.hash = 'step={step}'")
        shown.page.wait_for_function(f"() => document.querySelector('.clock').textContent.startsWith('Step {step} ')")
        assert arc.get_attribute("class").split()[:2] == ["message", phase]
        dashes = arc.locator(".arc").evaluate("path => getComputedStyle(path).strokeDasharray")
        assert (dashes == "none") == (phase == "read")


def test_an_arc_can_be_clicked_and_pressed(opened):
    message = one()["episodes"][0]["messages"][-1]
    shown = opened(one(), address=f"#step={message['sent']}")
    arc = shown.page.locator(".message").last  # it lies above all others
    arc.scroll_into_view_if_needed()
    place = "path => { const p = path.getPointAtLength(6).matrixTransform(path.getScreenCTM()); return [p.x, p.y]; }"
    shown.page.mouse.click(*arc.locator(".arc").evaluate(place))
    assert shown.text(".details h3").startswith(f"Step {message['sent']}: ")
    arc.focus()
    shown.page.keyboard.press("Enter")
    assert shown.text(".details h3") == "Selection"


def test_the_address_holds_step_and_selection(opened):
    shown = opened(one())
    shown.page.keyboard.press("ArrowRight")
    shown.page.locator(".subtask").nth(2).press("Enter")
    shown.page.wait_for_function("() => location.hash === '#step=1&subtask=2'")
    again = opened(one(), address="#step=1&subtask=2")
    assert again.step == 1
    assert again.text(".details h3").startswith("Subtask 2: ")
    assert again.page.locator(".subtask").nth(2).get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("address", ["#step=9999&subtask=-1", "#step=x&message=0.9999&agent=1e3", "#message=7", "#%"])
def test_an_address_that_leads_nowhere_opens_the_start(opened, address):
    shown = opened(one(), address=address)
    assert shown.step == 0
    assert shown.text(".details h3") == "Selection"


def test_hostile_text_is_shown_as_text(opened):
    shown = opened(one(), address="#step=1&subtask=1")
    assert shown.text("h1") == NASTY
    assert shown.text(".details h3") == f"Subtask 1: {NASTY}"
    assert shown.page.locator(".answer").inner_text() == f"answer {NASTY}"
    shown.page.get_by_text("Prompt", exact=True).click()
    assert f"rules {NASTY}" in shown.text(".texts")
    assert "repaired, 812 tokens of the prompt, money 0.0123" in shown.text(".texts")
    shown.page.get_by_text("The same facts as tables").click()
    shown.page.locator(".tables tbody tr").first.wait_for()
    assert NASTY in shown.text(".tables")
    assert shown.page.locator("img, b:text-is('bold')").count() == 0


def test_an_answer_without_a_label_has_no_empty_sentence(opened):
    data = one()
    data["episodes"][0]["texts"][0] |= {"label": "", "prompt_tokens": None, "money": None}
    shown = opened(data, address="#step=1")
    assert "The answer is" not in shown.text(".texts")


def test_prompts_are_left_out_where_there_are_none(opened):
    assert opened(played("proactive")).page.locator(".texts").count() == 0


def test_the_metrics_are_those_of_the_episode(opened):
    shown = opened(one())
    rows = [row.split("\t") for row in shown.text(".metrics tbody").splitlines()]
    metrics = shown.data["episodes"][0]["metrics"]
    assert [row[0] for row in rows] == list(metrics)
    for name, value, meaning in rows:
        wanted = metrics[name]
        assert value == "\N{EN DASH}" if wanted is None else float(value) == float(f"{wanted:.4g}"), name
        assert meaning == shown.data["metric_meanings"][name]


def test_the_tables_follow_the_step_and_lead_to_messages(opened):
    shown = opened(one())
    episode = shown.data["episodes"][0]
    shown.page.get_by_text("The same facts as tables").click()
    shown.page.locator(".tables tbody tr").first.wait_for()
    tables = shown.page.locator(".tables tbody")
    assert "not yet" in tables.nth(0).inner_text()
    assert tables.nth(0).locator("tr").count() == len(shown.data["agents"])
    assert tables.nth(1).locator("tr").count() == len(shown.data["subtasks"])
    assert tables.nth(2).locator("tr").count() == len(episode["messages"])
    tables.nth(2).locator("button").last.click()
    assert shown.step == episode["messages"][-1]["sent"]
    first = tables.nth(0).locator("tr").first.locator("td")
    k = episode["work"][shown.step - 1][0]
    assert first.first.inner_text().split()[0] == ("nothing" if k < 0 else str(k))
    assert first.nth(1).inner_text() == f"{episode['hours'][shown.step - 1][0][0]:.2f} h"


def test_two_episodes_are_compared_on_one_clock(opened):
    shown = opened(played("proactive", "no_communication"))
    left, right = shown.data["episodes"]
    assert left["steps"] != right["steps"]
    assert shown.page.locator(".episode").count() == 2
    shown.page.keyboard.press("End")
    assert shown.step == max(left["steps"], right["steps"])
    ended = "A" if left["steps"] < right["steps"] else "B"
    assert shown.text(".clock").endswith(f"{ended} has ended")
    difference = left["progress"][-1] - right["progress"][-1]
    assert float(shown.page.locator(".chart").last.locator("b").inner_text()) == round(difference, 2)
    shown.page.get_by_role("button", name="Go to the first action that differs").click()
    pairs = list(zip(left["actions"], right["actions"], strict=False))
    assert shown.step == next(n for n, (one_step, other) in enumerate(pairs, 1) if one_step != other)


def test_a_click_on_a_curve_or_a_lane_goes_to_that_step(opened):
    shown = opened(one())
    last = shown.data["episodes"][0]["steps"]
    frame = shown.page.locator(".chart svg").first
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    shown.page.mouse.click(box["x"] + box["width"] - 16, box["y"] + 60)
    assert shown.step == last
    lanes = shown.page.locator(".scroller")
    lanes.evaluate("scroller => (scroller.scrollLeft = 0)")
    lanes.scroll_into_view_if_needed()
    box = lanes.bounding_box()
    cell = shown.page.locator(".cursor").evaluate("cursor => Number(cursor.getAttribute('width'))")
    shown.page.mouse.click(box["x"] + 2.5 * cell, box["y"] + 3)
    assert shown.step == 3


def test_how_fast_a_step_is_drawn_is_printed(opened, capsys):
    long = stretched(example("proactive", workflow="complex", team_size=17), 500)
    shown = opened(long)
    shown.page.evaluate("location.hash = 'step=200'")
    code = """async () => {
      const times = [];
      for (let n = 0; n < 30; n += 1) {
        const begin = performance.now();
        dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push(performance.now() - begin);
      }
      return times;
    }"""
    times = sorted(shown.page.evaluate(code))
    assert shown.step == 230
    with capsys.disabled():
        print(f"\na step of 500 with 17 agents is drawn in {times[15]:.0f} ms (median), {times[-1]:.0f} ms (slowest)")
