"""Inspect: a log of three teams on a rule server, read by the library, converted, listed and bundled with its viewer.

pip install inspect-ai==0.3.285
python tests/consumers/inspect_logs.py
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from inspect_ai.log import list_eval_logs, read_eval_log, read_eval_log_sample, read_eval_log_sample_summaries
from inspect_ai.model import ModelUsage
from prompted_team import small_batch
from rule_server import KEY, RuleServer, answer_by_rule, choice

from agents.prompted.client.client import close_all
from c2c_env.episodes.history import simulate
from training.episodes.inspect_log import write_inspect_log
from training.episodes.sources import play_episode

STRATEGIES = ("direct", "c2c", "spp")  # spp asks one question for the whole team
HOSTILE = "\x1b[2J<script>alert(1)</script> attachment://0 <think>no</think>"


def play_all(folder):
    """An episode of each strategy; the first answer of all cannot be used, and neither can the hostile one after it."""
    unusable = [json.dumps(choice(work="s99"))]

    def answer(body):
        if body["messages"][-2]["role"] == "assistant":  # the question is put once more
            return HOSTILE
        return unusable.pop() if unusable else answer_by_rule(body)

    os.environ["TEST_MODEL_KEY"] = KEY
    with RuleServer() as server:
        server.rule = answer
        options = {"base_url": server.url, "key_variable": "TEST_MODEL_KEY", "cache": f"{folder}/cache", "reask": 1}
        options |= {"concurrency": 1, "price_in": 2.0, "price_out": 10.0, "most_invalid": 1.0}
        episodes = {name: play_episode(small_batch(), f"prompted:{name}@rule", 0, options) for name in STRATEGIES}
        close_all()
    return episodes


def check_log(log, episodes):
    metrics = {name: simulate(episode).metrics for name, episode in episodes.items()}
    assert (log.status, log.version, log.eval.task, log.eval.model) == ("success", 2, "c2c-env", "rule")
    assert len(log.samples) == log.results.total_samples == log.results.completed_samples == 3 + 3 + 1
    for sample in log.samples:
        episode = episodes[sample.metadata["episode"]]
        assert sample.scores["score"].value == metrics[sample.metadata["episode"]]["score"]
        agents = [episode.team.agents.index(name) for name in sample.metadata["agents"]]
        answers = [text.answer for text in episode.texts if list(text.agents) == agents]
        found = [message for message in sample.messages if message.role == "assistant"]
        assert [message.text for message in found] == [answer.replace("\x1b", "") for answer in answers]
        assert [message.role for message in sample.messages].count("system") == 1
        assert sample.turn_count == len(answers)
    means = {score.name: score.metrics["mean"].value for score in log.results.scores}
    assert abs(means["score"] - sum(one["score"] for one in metrics.values()) / 3) < 1e-12
    asked = sum(len(episode.texts) for episode in episodes.values())  # the server counts 100 and 10 tokens for each
    cost = asked * (100 * 2.0 + 10 * 10.0) / 1e6
    usage = log.stats.model_usage["rule"]
    assert abs(usage.total_cost - cost) < 1e-12
    counted = ModelUsage(input_tokens=100 * asked, output_tokens=10 * asked, total_tokens=110 * asked)
    assert usage.model_copy(update={"total_cost": None}) == counted


def inspect(*words):
    return subprocess.run(
        [sys.executable, "-m", "inspect_ai", *words], check=True, capture_output=True, text=True
    ).stdout


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        episodes, path = play_all(folder), folder / "logs" / "team.eval"
        path.parent.mkdir()
        assert write_inspect_log(episodes, path) == (7, 3)
        log = read_eval_log(str(path))
        check_log(log, episodes)
        first = next(one for one in log.samples if one.metadata["agents"] == ["manager_0"])
        labels = [message.metadata.get("label") for message in first.messages[:6]]
        assert labels == [None, None, "asked again", None, "invalid", None]
        assert first.messages[2].metadata["reason"] == "work 's99' does not exist"
        assert read_eval_log_sample(str(path), first.id, first.epoch) == first
        summaries = read_eval_log_sample_summaries(str(path))
        assert sorted((one.id, one.epoch) for one in summaries) == sorted((one.id, one.epoch) for one in log.samples)
        assert [Path(one.name).name for one in list_eval_logs(str(path.parent))] == ["team.eval"]
        inspect("log", "convert", str(path), "--to", "json", "--output-dir", str(folder / "json"))
        check_log(read_eval_log(str(folder / "json" / "team.json")), episodes)
        assert "team.eval" in inspect("log", "list", "--log-dir", str(path.parent))
        inspect("view", "bundle", "--log-dir", str(path.parent), "--output-dir", str(folder / "site"))
        (listed,) = json.loads((folder / "site" / "logs" / "listing.json").read_text(encoding="utf-8")).values()
        assert (listed["task"], listed["model"]) == ("c2c-env", "rule"), listed
        messages = sum(len(sample.messages) for sample in log.samples)
    print(f"{len(log.samples)} samples with {messages} messages read, converted, listed and bundled with the viewer")


if __name__ == "__main__":
    main()
