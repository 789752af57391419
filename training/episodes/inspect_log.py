"""What language models were asked and answered, as a log of the framework Inspect (inspect_ai), whose viewer shows it.

Such a log (``.eval``) is a ZIP archive of JSON documents. It is written here without the library, which wants other
versions of what this package is tested with; `tests/consumers/inspect_logs.py` reads it with the library.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from c2c_env.disk import open_whole
from c2c_env.episodes.episode import Episode, ModelText
from c2c_env.episodes.history import simulate
from c2c_env.errors import ConfigError
from c2c_env.text.names import without_controls
from c2c_env.version import __version__

INSPECT_SUFFIX = ".eval"
_FORMAT = 2  # of Inspect's logs
_TASK = "c2c-env"
_ROLES = ("system", "user", "assistant")
_UNDERSTOOD = {"valid": 1, "repaired": 1, "invalid": 0}  # a question that was put once more has another label
# what a sample is scored by: the first is the one that lists of logs show
_SCORES = {
    "score": "lower bound / completion time, or 0 without success",
    "completion_time": "hours until the end of the episode",
    "communication_hours": "person-hours paid for sending, reading and meeting",
    "validity": "share of the answers that could be understood, repaired ones included",
}
_SUMMARISED = ("id", "epoch", "input", "target", "metadata", "scores", "model_usage")
Conversation = tuple[tuple[int, ...], Sequence[ModelText]]  # who was asked for, and all questions in order


@dataclass
class _Totals:
    """What the head of a log says about all samples, which are not held in memory."""

    models: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    epochs: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    usage: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: dict[str, list[list[float]]] = field(default_factory=lambda: {name: [] for name in _SCORES})
    summaries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, sample: Mapping[str, Any]) -> None:
        """Count a sample of the present episode."""
        self.failed += sample["error"] is not None
        for model, usage in sample["model_usage"].items():
            self.models.append(model)
            self.usage[model] = _sum_of_usages([*([self.usage[model]] if model in self.usage else []), usage])
        self.policies.append(sample["metadata"]["policy"])
        for name, score in (sample["scores"] or {}).items():
            self.values[name][-1].append(score["value"])
        error = sample["error"] and sample["error"]["message"]
        kept = {key: sample[key] for key in _SUMMARISED}
        more = {"error": error, "completed": True, "message_count": len(sample["messages"])}
        self.summaries.append({**kept, **more, "turn_count": sample["turn_count"]})


def write_inspect_log(episodes: Mapping[str, Episode], path: Path) -> tuple[int, int]:
    """Write one log with a sample for each episode and agent that a language model decided for.

    Args:
        episodes: by their names, which are checked; those without a language model are left out.
        path: of the log, which ends with .eval.

    Returns:
        The numbers of samples and of the episodes that they come from.

    Raises:
        ConfigError: no episode has words of a language model.
        EpisodeError: an episode goes another way here.
        WriteError: the disk is full, or the place cannot be written.
    """
    asked = {name: episode for name, episode in episodes.items() if episode.texts}
    if not asked:
        raise ConfigError(
            f"got {len(episodes)} episodes in which no language model was asked; expected at least one in which one"
            f" was, since a log ({INSPECT_SUFFIX}) shows questions and answers"
        )
    totals = _Totals()
    with open_whole(path) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, episode in asked.items():
            for sample in _samples(name, episode, totals):
                _add(archive, f"samples/{sample['id']}_epoch_{sample['epoch']}.json", sample)
                totals.add(sample)
        _add(archive, "summaries.json", totals.summaries)
        _add(archive, "header.json", _head(totals))
    return len(totals.summaries), len(asked)


def _add(archive: ZipFile, name: str, document: Any) -> None:
    archive.writestr(name, json.dumps(_plain(document), ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    """The same without characters that steer a terminal or turn the direction of words, wherever text is in it."""
    if isinstance(value, str):
        return without_controls(value.replace("\t", "    "))
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


# --- samples -------------------------------------------------------------------------------------------------------


def _samples(name: str, episode: Episode, totals: _Totals) -> Iterable[dict[str, Any]]:
    """A sample for each conversation of an episode; one that was there before is the next epoch of the same sample."""
    metrics = simulate(episode).metrics
    for values in totals.values.values():
        values.append([])
    for agents, texts in _conversations(episode.texts):
        who = _speaker(agents, episode.team.agents)
        words = f"{episode.workflow.name}-team{episode.team.size}-seed{episode.seed}-{who}"
        key = re.sub(r"[^\w.+-]+", "-", words)
        totals.epochs[key] += 1
        yield {
            "id": key,
            "epoch": totals.epochs[key],
            "input": f"{who} of a team of {episode.team.size} works on {episode.workflow.name}, seed {episode.seed}",
            "target": "",
            "messages": _messages(texts, _model(episode, agents), episode.team.agents),
            "scores": None if episode.failure else _scores(metrics, texts),
            "metadata": _sample_metadata(name, episode, agents, metrics),
            "model_usage": {_model(episode, agents): _usage(texts)},
            "error": _error(episode.failure),
            "turn_count": len(texts),
        }


def _conversations(texts: Sequence[ModelText]) -> list[Conversation]:
    """What each agent was asked, or several together, in the order of agents and steps."""
    found: dict[tuple[int, ...], list[ModelText]] = defaultdict(list)
    for text in texts:
        found[text.agents].append(text)
    return sorted(found.items())


def _speaker(agents: tuple[int, ...], names: Sequence[str]) -> str:
    return "team" if len(agents) == len(names) else "+".join(names[agent] for agent in agents)


def _policy(episode: Episode, agents: tuple[int, ...]) -> str:
    return ", ".join(dict.fromkeys(episode.policies[agent] or "unknown" for agent in agents))


def _model(episode: Episode, agents: tuple[int, ...]) -> str:
    """The model in the name of a policy, which stands behind an at sign, or the whole name."""
    policy = _policy(episode, agents)
    return policy.partition("@")[2] or policy


def _messages(texts: Sequence[ModelText], model: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """The conversation, with the step at every message and what became of every answer."""
    messages: list[dict[str, Any]] = []
    said: tuple[tuple[str, str], ...] = ()
    for text in texts:
        for role, content in _not_yet_said(text.prompt, said):
            known = role if role in _ROLES else "user"
            messages.append({"role": known, "content": content, "metadata": {"step": text.step}})
        answer = {"role": "assistant", "content": text.answer, "source": "generate", "model": model}
        messages.append({**answer, "metadata": {"step": text.step, **_became(text, names)}})
        said = (*text.prompt, ("assistant", text.answer))
    return messages


def _not_yet_said(prompt: Sequence[tuple[str, str]], said: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """What a prompt adds: all behind the conversation that it continues, or behind the rules that it repeats."""
    if said and tuple(prompt[: len(said)]) == tuple(said):
        return prompt[len(said) :]
    same = 0
    while same < min(len(prompt), len(said)) and prompt[same] == said[same] and prompt[same][0] == "system":
        same += 1
    return prompt[same:]


def _became(text: ModelText, names: Sequence[str]) -> dict[str, Any]:
    """What became of an answer and why, for the agent or for each of several."""
    told = {"label": text.labels, "reason": text.reasons}
    if len(text.agents) == 1:
        return {word: values[0] for word, values in told.items() if values}
    return {f"{word}s": _by_agent(text.agents, values, names) for word, values in told.items() if values}


def _by_agent(agents: Sequence[int], values: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    return {names[agent]: value for agent, value in zip(agents, values, strict=False) if value}


def _scores(metrics: Mapping[str, float], texts: Sequence[ModelText]) -> dict[str, Any]:
    understood = [_UNDERSTOOD[label] for text in texts for label in text.labels if label in _UNDERSTOOD]
    values = {name: metrics[name] for name in _SCORES if name in metrics}
    if understood:
        values["validity"] = sum(understood) / len(understood)
    return {name: {"value": value, "explanation": _SCORES[name]} for name, value in values.items()}


def _sample_metadata(
    name: str, episode: Episode, agents: tuple[int, ...], metrics: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "episode": name,
        "workflow": episode.workflow.name,
        "tier": episode.workflow.tier,
        "team": [list(skills) for skills in episode.team.skills],
        "agents": [episode.team.agents[agent] for agent in agents],
        "policy": _policy(episode, agents),
        "seed": episode.seed,
        "number": episode.number,
        "steps": episode.length,
        "success": metrics["success"],
        "version": episode.version,
    }


def _error(failure: str) -> dict[str, str] | None:
    return {"message": failure, "traceback": failure, "traceback_ansi": failure} if failure else None


def _usage(texts: Sequence[ModelText]) -> dict[str, Any]:
    """Tokens, as far as they are known, and dollars if the price of every question is."""
    money = [text.money for text in texts if text.money is not None]
    asked, answered = (sum(getattr(text, name) or 0 for text in texts) for name in ("prompt_tokens", "answer_tokens"))
    cost = sum(money) if len(money) == len(texts) else None
    return {
        "input_tokens": asked,
        "output_tokens": answered,
        "total_tokens": asked + answered,
        "total_cost": cost,
    }


def _sum_of_usages(usages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: None if any(usage[name] is None for usage in usages) else sum(usage[name] for usage in usages)
        for name in usages[0]
    }


# --- the head ------------------------------------------------------------------------------------------------------


def _head(totals: _Totals) -> dict[str, Any]:
    samples = len(totals.summaries)
    scores = [_mean_score(name, totals.values[name], samples) for name in _SCORES if any(totals.values[name])]
    return {
        "version": _FORMAT,
        "status": "success",
        "eval": _spec(totals),
        "results": {"total_samples": samples, "completed_samples": samples - totals.failed, "scores": scores},
        "stats": {"model_usage": totals.usage},
    }


def _spec(totals: _Totals) -> dict[str, Any]:
    return {
        "eval_id": uuid.uuid4().hex,
        "run_id": uuid.uuid4().hex,
        "task_id": uuid.uuid4().hex,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": _TASK,
        "task_version": __version__,
        "solver": _joined(totals.policies),
        "model": _joined(totals.models),
        "dataset": {"name": _TASK, "samples": len(totals.epochs), "sample_ids": [*totals.epochs], "shuffled": False},
        "config": {"epochs": max(totals.epochs.values())},
        "packages": {_TASK: __version__},
    }


def _joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def _mean_score(name: str, values: Sequence[Sequence[float]], samples: int) -> dict[str, Any]:
    """The mean over episodes, however many agents each of them has, of the mean over its samples."""
    means = [sum(one) / len(one) for one in values if one]
    scored = sum(map(len, values))
    return {
        "name": name,
        "scorer": name,
        "scored_samples": scored,
        "unscored_samples": samples - scored,
        "metrics": {"mean": {"name": "mean", "value": sum(means) / len(means)}},
    }
