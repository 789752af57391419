"""The benchmark with prompted teams: one table, killed and resumed, out of budget, with failed episodes."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from prompted_team import SMALL
from rule_server import KEY

from agents.prompted.client.answer_cache import CACHE_FILE
from agents.prompted.client.client import close_all
from agents.prompted.decompose import PlannedWorkflow, to_toml
from agents.prompted.replay import replay
from agents.prompted.transcript import read_transcript
from training.__main__ import main, make_parser
from training.benchmark import choose_cells, results
from training.benchmark.model_costs import PromptMeter, in_dollars

ROOT = Path(__file__).parents[3]
TEAM = "prompted:direct@rule"


@pytest.fixture
def words(server, options, tmp_path):
    """A benchmark of a small workflow by three teams."""
    return make_words(options, tmp_path, f"no_communication,cost_aware,{TEAM}")


def make_words(options, tmp_path, policies):
    file = tmp_path / "small.toml"
    subtasks = [
        {
            "id": s.id, "title": s.title, "domain": s.domain, "effort": s.effort, "complexity": s.complexity,
            "prerequisites": list(s.prerequisites), "facts": dict(s.facts),
        }
        for s in SMALL.subtasks
    ]  # fmt: skip
    whole = {"name": "small", "title": "Small", "tier": "simple", "subtasks": subtasks}
    file.write_text(to_toml(PlannedWorkflow.model_validate(whole), ""))
    llm = [f"{key}={value}" for key, value in options.items()]
    return [
        "benchmark", "--policies", policies, "--workflows", str(file), "--team-sizes", "3", "--seeds", "2",
        "--config", "volatility=0.3", "--workers", "1", "--figures", "none", "--out", str(tmp_path / "out"),
        "--llm", *llm,
    ]  # fmt: skip


def rows_of(out):
    with open(out / "results.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shown(capsys):
    """What was printed, with every run of spaces as one."""
    out, err = capsys.readouterr()
    return re.sub(r"\s+", " ", out), err


def test_learned_scripted_and_prompted_stand_in_one_table(server, words, tmp_path, capsys):
    assert main([*words, "price_in=1", "price_out=4"]) == 0
    out, err = shown(capsys)
    rows = rows_of(tmp_path / "out")
    assert [row["policy"] for row in rows] == ["no_communication"] * 2 + ["cost_aware"] * 2 + [TEAM] * 2
    asked = sum(float(row["answers"]) for row in rows[4:])
    assert list(rows[0])[-len(results.MODEL_COLUMNS) :] == list(results.MODEL_COLUMNS)
    assert {row["answers"] for row in rows[:4]} == {""}
    assert [row["seed"] for row in rows] == ["0", "1"] * 3
    per_finished, cost = asked * 110 / 2 / 1000, asked * (100 * 1 + 10 * 4) / 2 / 1e6
    assert f"{TEAM} simple 3 2 0 100.0 0.0 0.0 {per_finished:.1f} {cost:.4f}" in out
    assert re.search(rf"{TEAM} [\d.]+ +-?\d+ \[", out)  # the reduction against the silent team, by pairs
    assert re.search(r"at most \(.*\$[\d.]+", err)
    assert f"{len(server.prompts)} asked, {asked - len(server.prompts):.0f} from the cache" in err
    assert KEY not in out + err + (tmp_path / "out" / "run.json").read_text()
    for path in (tmp_path / "out" / "transcripts").iterdir():
        replay(read_transcript(path))
    assert len(list((tmp_path / "out" / "transcripts").iterdir())) == 2


def test_progress_tells_what_was_played_asked_and_paid(server, words, capsys):
    server.fault = lambda number, body: "status_500" if number == 3 else None
    assert main([*words, "price_in=10", "price_out=100", "concurrency=1"]) == 0
    _, err = capsys.readouterr()
    asked = len(server.prompts) - 1
    tokens, dollars = 110 * asked, asked * (100 * 10 + 10 * 100) / 1e6
    told = re.search(r"^([\d,]+) steps, ([\d,]+) questions, ([\d,]+) tokens, \$([\d.]+), 1 retries$", err, re.MULTILINE)
    steps, questions, paid, cost = (float(number.replace(",", "")) for number in told.groups())
    assert questions >= asked  # questions that two episodes have in common are asked once
    assert 3 * steps == questions
    assert (paid, cost) == (tokens, round(dollars, 4))


def test_a_run_of_unusable_answers_stops_in_one_line_and_leaves_no_half_transcripts(server, words, tmp_path, capsys):
    server.fault = lambda number, body: "cut_json"
    assert main([*words, "temperature=1.0"]) != 0
    _, err = shown(capsys)
    assert f"50 of the first 50 answers of {TEAM} cannot be used (50 cut off" in " ".join(err.split())
    assert "most_invalid=none" in err
    assert "Traceback" not in err
    assert len(server.prompts) < 100
    assert list((tmp_path / "out" / "transcripts").iterdir()) == []


def test_results_without_prompted_teams_have_no_further_columns(options, tmp_path, server):
    words = make_words(options, tmp_path, "no_communication,cost_aware")
    assert main(words) == 0
    assert not set(results.MODEL_COLUMNS) & set(rows_of(tmp_path / "out")[0])
    assert not (tmp_path / "out" / "transcripts").exists()


def test_rerun_asks_nothing_and_prints_the_same(server, words, tmp_path, capsys):
    assert main(words) == 0
    first, count = (tmp_path / "out" / "report.txt").read_bytes(), len(server.prompts)
    assert main(words) == 0
    assert len(server.prompts) == count
    assert (tmp_path / "out" / "report.txt").read_bytes() == first
    for path in (tmp_path / "out" / "cells").glob("prompted*"):
        path.unlink()
    close_all()
    assert main(words) == 0  # the cache has all of it
    assert len(server.prompts) == count
    assert (tmp_path / "out" / "report.txt").read_bytes() == first


def test_failed_episodes_are_counted_left_out_and_tried_again(server, words, tmp_path, capsys):
    broken = []

    def fail(number, body):
        broken.append(json.dumps(body)) if number == 17 else None
        return "status_400" if json.dumps(body) in broken else None

    server.fault = fail
    assert main([*words, "concurrency=1"]) == 1
    out, _ = shown(capsys)
    rows = rows_of(tmp_path / "out")
    assert [row["failed"] for row in rows] == ["", "", "", "", "0.0", "1.0"] or rows[4]["failed"] == "1.0"
    assert f"{TEAM} simple 3 1 1 100.0" in out
    assert f"1 failed for want of an answer and are left out of all means ({TEAM} 1); the first: status 400" in out
    good = next(row for row in rows[4:] if row["failed"] == "0.0")
    assert re.search(rf"{TEAM} {float(good['completion_time']):.1f} ", out)
    server.fault = lambda number, body: None
    count = len(server.prompts)
    assert main([*words, "concurrency=1"]) == 0
    assert {row["failed"] for row in rows_of(tmp_path / "out")[4:]} == {"0.0"}
    assert len(server.prompts) > count
    assert Counter(server.prompts).most_common(2)[1][1] == 1  # only the one that failed was asked twice


def wait_for_prompts(server, process):
    """Until the model has been asked 21 times."""
    deadline = time.monotonic() + 120
    while len(server.prompts) < 21:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_killed_run_loses_no_answer_and_asks_nothing_twice(server, words, tmp_path):
    server.fault = lambda number, body: "held" if number == 20 else None
    environment = {**os.environ, "TEST_MODEL_KEY": KEY}
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *words, "concurrency=1"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for_prompts(server, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert sum(server.answered.values()) == 20
    assert not list((tmp_path / "out" / "cells").glob("prompted*"))
    under_way = server.prompts[20]
    server.hold.set()
    server.fault = lambda number, body: None
    assert main([*words, "concurrency=1"]) == 0
    asked = Counter(server.prompts)
    assert asked.pop(under_way) == 2  # its answer never came
    assert set(asked.values()) == {1}
    server.prompts.clear()
    assert main([*words, "concurrency=1", f"cache={tmp_path / 'other'}", "--out", str(tmp_path / "whole")]) == 0
    assert Counter(server.prompts) == Counter([*asked, under_way])
    assert (tmp_path / "whole" / "results.csv").read_bytes() == (tmp_path / "out" / "results.csv").read_bytes()


def kept_answers(folder):
    with closing(sqlite3.connect(folder / "cache" / CACHE_FILE)) as connection:
        ((kept,),) = connection.execute("SELECT count(*) FROM answers").fetchall()
    return kept


@pytest.mark.parametrize("impatient", [False, True])
def test_ctrl_c_keeps_the_answers_under_way_or_stops_at_the_second(server, words, tmp_path, impatient):
    server.fault = lambda number, body: "held" if number >= 20 else None
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *words],
        cwd=ROOT, env={**os.environ, "TEST_MODEL_KEY": KEY}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    wait_for_prompts(server, process)
    os.killpg(process.pid, signal.SIGINT)
    errors = ""
    while "waiting for" not in errors:
        line = process.stderr.readline()
        assert line, f"it ended without waiting: {errors}"
        errors += line
    if impatient:
        while kept_answers(tmp_path) < 20:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
    else:
        server.hold.set()
    errors += process.communicate(timeout=30)[1]
    assert process.returncode == 130
    asked = len(server.prompts)
    if not impatient:
        assert re.search(rf"{server.url}: {asked} asked, \d+ from the cache, ", errors)
    assert re.search(r"waiting for [1-9]\d* answers? that (is|are) under way", errors)
    assert kept_answers(tmp_path) == (20 if impatient else asked)
    assert "Traceback" not in errors
    assert "never awaited" not in errors
    assert errors.strip().splitlines()[-1] == "interrupted; the same command goes on from here"


def test_a_budget_stops_the_run_and_more_of_it_goes_on(server, words, tmp_path, capsys):
    assert main([*words, "budget_tokens=6000", "max_tokens=100", "concurrency=2"]) == 1
    out, err = shown(capsys)
    assert "the next question could exceed the budget of 6000 tokens" in err
    assert "error: 1 of 3 cells failed" in err
    assert "cost_aware" in out
    assert TEAM not in out
    count = len(server.prompts)
    assert 0 < count <= 6000 / 110
    assert main([*words, "budget_tokens=1000000", "max_tokens=100"]) == 0
    assert set(Counter(server.prompts).values()) == {1}
    assert len(server.prompts) > count


@pytest.mark.slow
def test_figures_show_all_teams_but_ask_nothing_again(server, words, tmp_path, capsys):
    server.fault = lambda number, body: "status_400" if number == 30 else None
    words = [word for word in words if word not in ("--figures", "none")]
    assert main([*words, "temperature=0.5", "concurrency=1"]) == 1
    answers = sum(float(row["answers"]) for row in rows_of(tmp_path / "out")[4:])
    assert len(server.prompts) == answers + 1  # and the one without an answer
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} >= {"completion_time.png", "alignment.png"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("key_variable=NOT_SET", "set the environment variable NOT_SET"),
        ("base_url=http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1 cannot be reached"),
        ("temprature=1", "did you mean 'temperature'"),
        (KEY, "--llm has something else, expected key=value"),
        (f"api_key={KEY}", "unknown option 'api_key'"),
        (f"key_variable={KEY}", "key_variable is not the name of an environment variable"),
    ],
)
def test_what_cannot_work_stops_before_anything_is_run(server, words, tmp_path, capsys, change, message):
    assert main([*words, change]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
    assert err.startswith("error: ")
    assert KEY not in err
    assert not (tmp_path / "out").exists()
    assert not server.prompts


def test_unknown_model_stops_before_anything_is_run(server, options, tmp_path, capsys):
    assert main(make_words(options, tmp_path, "prompted:direct@rul")) == 2
    err = capsys.readouterr().err
    assert "did you mean 'rule'" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_key_that_is_refused_in_mid_run_stops_it_with_one_line(server, words, tmp_path, capsys):
    server.fault = lambda number, body: "status_401" if number == 9 else None
    assert main([*words, "concurrency=1"]) == 2
    out, err = capsys.readouterr()
    assert err.strip().splitlines()[-1].startswith("error: ")
    assert "refuses the key (status 401)" in err
    assert KEY not in out + err
    assert "Traceback" not in err


def test_the_estimate_asks_nothing_and_is_no_less_than_the_truth(server, words, tmp_path, capsys):
    assert main([*words, "price_in=1", "price_out=4", "--estimate"]) == 0
    out, _ = shown(capsys)
    assert not server.prompts
    assert not (tmp_path / "out").exists()
    most, tokens, _, _ = estimate(out, "at most")
    assert main(words) == 0
    rows = rows_of(tmp_path / "out")[4:]
    horizon = 2 * 3 * max(float(row["steps"]) for row in rows)
    assert most >= sum(float(row["answers"]) for row in rows)
    assert most >= horizon
    length = sum(map(len, server.prompts)) / len(server.prompts)
    assert tokens == pytest.approx(most * length / 4, rel=0.15)


def test_the_most_that_may_be_asked_has_every_question_twice_with_reask(words, capsys):
    assert main([*words, "--estimate"]) == 0
    out, _ = shown(capsys)
    once, expected = estimate(out, "at most"), estimate(out, "expected")
    assert main([*words, "reask=1", "--estimate"]) == 0
    out, _ = shown(capsys)
    twice = estimate(out, "at most")
    assert "every answer as long as may be, every question of a team put twice as reask=1 may)" in out
    assert estimate(out, "expected")[:3] == expected[:3]
    assert (twice[0], twice[2]) == (2 * once[0], 2 * once[2])
    # a second prompt is the first with an answer of 512 tokens and a line on what is wrong with it, of 60
    assert twice[1] == pytest.approx(2 * once[1] + once[0] * (512 + 60), abs=1)


def test_reasked_answers_stand_in_the_results(server, words, tmp_path):
    rule = server.rule

    def learns(body):
        again = body["messages"][-2]["role"] == "assistant"
        return rule({**body, "messages": body["messages"][:-2]}) if again else "no JSON"

    server.rule = learns
    assert main([*words, "reask=1"]) == 0
    for row in rows_of(tmp_path / "out")[4:]:
        assert float(row["answers_reasked"]) == float(row["answers_valid"]) == 3 * float(row["steps"])
        assert float(row["questions"]) == 6 * float(row["steps"])
        assert row["prompt_tokens_cached"] == "0.0"


def test_the_estimate_needs_neither_key_nor_server_and_says_what_to_expect(words, options, capsys, monkeypatch):
    monkeypatch.delenv("TEST_MODEL_KEY")
    words = [word.replace(options["base_url"], "http://127.0.0.1:9/v1") for word in words]
    assert main([*words, "price_in=1", "price_out=4", "--estimate"]) == 0
    out, _ = shown(capsys)
    most, expected = estimate(out, "at most"), estimate(out, "expected")
    assert all(0 < some < many for some, many in zip(expected, most, strict=True))
    (shared,) = re.findall(r"of the tokens of prompts, about ([\d,]+) are a prefix that an earlier question", out)
    assert 0.5 < float(shared.replace(",", "")) / expected[1] < 1


class HandMadePrompts:
    """A team of two whose prompts are 64 characters that all have, 64 of the agent, and 64 of the step."""

    def __init__(self):
        self.step = 0

    def measure(self, observations, masks, rows, earlier):
        prompts = ["a" * 64 + str(row) * 64 + chr(ord("A") + self.step) * 64 for row in rows]
        return [(0, len(prompt), earlier.shared(0, "m", prompt)) for prompt in prompts]


@pytest.mark.parametrize(("steps", "shared"), [
    (1, 64),  # the second agent has the 64 characters of the first one
    (2, 64 + 2 * 128),  # in the second step both have those of the step before
    (12, 64 + 11 * 2 * 128),  # and so on; of the twelve, steps 1, 2, 9 and 10 are measured
])  # fmt: skip
def test_shared_prefixes_of_hand_made_prompts_are_added_up(steps, shared):
    numbers, flags = np.zeros((1, 2, 3)), np.zeros(1, dtype=bool)
    batch = SimpleNamespace(num_envs=1, num_agents=2, observations=numbers, action_masks=numbers)
    batch.terminated, batch.truncated = flags.copy(), flags.copy()
    team = HandMadePrompts()
    meter = PromptMeter(batch, team)
    for team.step in range(steps):
        meter.note()
    batch.terminated[0] = True
    meter.note()
    assert meter.shared(0) == shared
    assert (meter.steps[0], meter.counts[0], np.mean(meter.sizes[0])) == (steps, 2, 192)


def estimate(out, kind):
    """Questions, tokens of prompts and of answers, and dollars (NaN: not known) that an estimate speaks of."""
    figures = (
        r"about ([\d,]+) questions, ([\d,]+) tokens of prompts and ([\d,]+) of answers, (?:\$([\d.,]+)|cost unknown)"
    )
    found = re.search(rf"{kind} \([^()]*\): {figures}", out).groups(default="nan")
    return [float(figure.replace(",", "")) for figure in found]


@pytest.mark.parametrize(
    ("amount", "shown"), [(0, "$0.00"), (0.0018, "$0.0018"), (3.14159, "$3.1416"), (1234.5, "$1,234.50")]
)
def test_small_amounts_are_not_shown_as_nothing(amount, shown):
    assert in_dollars(amount) == shown


def test_what_is_expected_is_near_what_is_asked(server, words, capsys):
    assert main([*words, "--estimate"]) == 0
    out, _ = shown(capsys)
    expected, *_ = estimate(out, "expected")
    assert main(words) == 0
    assert expected == pytest.approx(len(server.prompts), rel=0.5)


def test_under_a_budget_one_cell_is_finished_before_the_next(server, words, tmp_path):
    many = [*words, "budget_tokens=100000000"]
    many[many.index("--team-sizes") + 1] = "2,3,4"
    many[many.index("--policies") + 1] = TEAM
    assert main(many) == 0
    sizes = [len(set(re.findall(r"worker_\d", prompt))) for prompt in server.prompts]
    assert set(sizes) == {1, 2, 3}
    assert sizes == sorted(sizes)


def test_when_every_episode_fails_a_line_says_so_and_the_status_is_not_0(server, words, tmp_path, capsys):
    server.fault = lambda number, body: "status_400"
    assert main(words) == 1
    _, err = shown(capsys)
    assert f"error: every episode of {TEAM} failed, so it has no results; the first: status 400" in err
    assert KEY not in err
    server.fault = lambda number, body: None
    assert main(words) == 0


def test_failures_and_names_steer_no_terminal(server, options, tmp_path, capsys):
    name = "rule\x1b]0;x\x07\u202e[red]"
    server.models = []

    async def refuse(writer, body):
        return await server.send(writer, {"detail": "no \x1b[31m\u202e [/red] \x9b"}, "400 Bad Request")

    server.fault_refuse, server.fault = refuse, lambda number, body: "refuse" if number > 20 else None
    assert main(make_words(options, tmp_path, f"no_communication,prompted:direct@{name}")) == 1
    out, err = capsys.readouterr()
    for control in ("\x1b]", "\x1b[31m", "\x07", "\u202e", "\x9b"):
        assert control not in out + err
    assert "[red]" in out


@pytest.mark.parametrize("name", ["prompted:", "prompted:direct@", "prompted:di\x1brect@m", "solo", ""])
def test_wrong_names_steer_no_terminal(tmp_path, capsys, name):
    assert main(["benchmark", "--policies", f"{name}\x1b[31m\u202e\x9b", "--out", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert (out + err).replace("\n", "").isprintable()


def test_options_may_stand_in_a_file(server, options, tmp_path, capsys):
    file = tmp_path / "llm.toml"
    file.write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in options.items()))
    words = ["--llm-file", str(file), "--workflow", "csv-import-tool", "--team-size", "2"]
    assert main(["episode", *words, "--policy", "prompted:no_communication@rule", "--no-colour"]) == 0
    assert "prompted:no_communication@rule, 2 agents" in capsys.readouterr().out
    file.write_text("temperature = ")
    assert main(["episode", *words, "--policy", "solo"]) == 2
    assert re.search(r"options \(--llm-file\) .*llm\.toml' is not valid TOML", capsys.readouterr().err)


def test_options_that_change_results_change_the_name_of_a_cell(server, words):
    def name(*more):
        cells = choose_cells.choose_cells(make_parser(["benchmark"]).parse_args([*words, *more]))
        return [cell.name for cell in cells if cell.asks_model], [cell.name for cell in cells if not cell.asks_model]

    asked, others = name()
    assert name("concurrency=3", "timeout=5", "budget_tokens=9") == (asked, others)
    for change in ("temperature=0.5", "max_tokens=100", "judge=true", "price_in=3"):
        changed, same = name(change)
        assert changed != asked
        assert same == others


def test_scripted_benchmarks_load_no_language_model_library():
    code = (
        "import sys, training.commands.benchmarks.benchmark, training.commands.episodes.episode, agents.registry;"
        "from training.__main__ import make_parser; from training.benchmark.choose_cells import choose_cells;"
        "[cell.name for cell in choose_cells(make_parser(['benchmark']).parse_args(['benchmark', '--quick']))];"
        "print([m for m in ('openai', 'httpx2', 'pydantic', 'tenacity', 'torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]")


MIXED = "team(manager=prompted:c2c@rule, worker=proactive)"


def test_a_mixed_team_stands_beside_others(server, options, tmp_path):
    words = make_words(options, tmp_path, f"proactive,{MIXED}")
    assert main([*words, "judge=true"]) == 0
    rows = rows_of(tmp_path / "out")
    assert [row["policy"] for row in rows] == ["proactive"] * 2 + [MIXED] * 2
    assert [row["answers"] for row in rows] == ["", ""] + [row["steps"] for row in rows[2:]]  # the manager's only
    paths = sorted((tmp_path / "out").rglob("*.jsonl.gz"))
    assert len(paths) == 2
    server.close()
    for path in paths:
        head = read_transcript(path).head
        assert head["seats"] == ["prompted:c2c@rule", "proactive", "proactive"]
        replay(read_transcript(path))


def test_what_a_mixed_team_could_cost_counts_its_prompted_seats(server, options, tmp_path, capsys):
    counts = []
    for name in ("prompted:direct@rule", "team(manager=prompted:direct@rule,worker=solo)"):
        assert main([*make_words(options, tmp_path, name), "--estimate"]) == 0
        line = re.search(r"expected.*?at most", shown(capsys)[0]).group()
        counts.append([int(n.replace(",", "")) for n in re.findall(r"([\d,]+) (?:questions|of answers)", line)])
    (questions, answers), (own_questions, own_answers) = counts
    assert (questions, answers) == (3 * own_questions, 3 * own_answers)  # of three agents, one is asked
    assert own_answers == 80 * own_questions
    assert not server.prompts


def test_the_name_of_a_cell_covers_the_members_and_their_files(tmp_path):
    net, seats = tmp_path / "mine.py", tmp_path / "seats.toml"
    net.write_text("class Mine: pass\n")
    seats.write_text(f'manager = "solo"\nworker = "{net}:Mine"\n')

    def name():
        words = ["benchmark", "--policies", "solo", "--workflows", "csv-import-tool", "--team-sizes", "3"]
        [cell] = choose_cells.choose_cells(make_parser(words).parse_args(words))
        return replace(cell, policy=f"team({seats})").name

    first = name()
    assert name() == first
    net.write_text("class Mine: x = 1\n")
    second = name()
    seats.write_text(f'manager = "random"\nworker = "{net}:Mine"\n')
    assert len({first, second, name()}) == 3
