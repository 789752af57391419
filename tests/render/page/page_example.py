"""Data of the page from episodes that are really played."""

from __future__ import annotations

import copy

from c2c_env.episodes.history import simulate
from c2c_env.make import make_batch
from c2c_env.render.page.page_data import page_data
from training.episodes.sources import play_episode


def example(*policies, workflow="password-reset-flow", team_size=3, seed=3):
    """The data of one episode for each policy."""
    batch = make_batch(workflow, team_size)
    return copy.deepcopy(page_data([simulate(play_episode(batch, policy, seed)) for policy in policies]))


def stretched(data, steps):
    """The same data with episodes repeated until they have that many steps, for sizes that are seldom played."""
    data = copy.deepcopy(data)
    data["episodes"] = [_repeated(episode, steps) for episode in data["episodes"]]
    return data


def _repeated(episode, steps):
    length, times = episode["steps"], -(-steps // episode["steps"])
    after = ("remaining", "status", "owner", "critical", "alignment", "debt", "progress", "mean_alignment")
    longer = {name: episode[name][:1] + (episode[name][1:] * times)[:steps] for name in (*after, "communication_hours")}
    longer |= {name: (episode[name] * times)[:steps] for name in ("wanted", "work", "hours", "reward_terms", "actions")}
    longer["events"] = [
        event | {"step": event["step"] + n * length}
        for n in range(times)
        for event in episode["events"]
        if event["step"] + n * length <= steps
    ]
    longer["messages"] = [
        message
        | {"sent": message["sent"] + n * length}
        | {"readings": [r | {"step": r["step"] + n * length} for r in message["readings"]]}
        for n in range(times)
        for message in episode["messages"]
        if message["sent"] + n * length <= steps
    ]
    return episode | longer | {"steps": steps}
