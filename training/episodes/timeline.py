"""One episode as a timeline: who worked on what, who said what to whom, when each subtask was done, the metrics."""

from __future__ import annotations

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from c2c_env import METRICS
from c2c_env.core import constants as c
from c2c_env.episodes.trace import Trace
from c2c_env.render.scene import short_name
from c2c_env.text.names import one_line

MARKS = {
    c.CHAT_TELL: "c",
    c.CHAT_ASK: "C",
    c.EMAIL_TELL: "e",
    c.EMAIL_ASK: "E",
    c.MEET: "M",
    c.ASSIGN: "a",
}
_MARK_STYLES = {c.CHAT: "green", c.EMAIL: "magenta", c.MEETING: "bold yellow"}
_COLOURS = ("blue", "cyan", "dark_orange", "medium_purple", "chartreuse3", "deep_pink3", "turquoise2", "gold3")
_LANE = 11  # columns of the names of the lanes
_LEAST_WIDTH = 40
_FINISHED, _REWORKED = "*", "r"


def print_episode(console: Console, trace: Trace, metrics: dict[str, float], how: str) -> None:
    """Print the whole report."""
    workflow = trace.batch.workflow(trace.row)
    title = f"{one_line(workflow.title or workflow.name)} [{one_line(workflow.name)}, {workflow.tier}]"
    console.print(Text(title, style="bold"))
    console.print(Text(how), end="\n\n")
    print_timeline(console, trace)
    console.print(subtask_table(trace))
    console.print(message_table(trace))
    console.print(metric_table(metrics))


# --- timeline ------------------------------------------------------------------------------------------------


def print_timeline(console: Console, trace: Trace) -> None:
    """Print a lane for each agent over the steps, in bands as wide as the terminal."""
    label = max(2, len(str(trace.finished.shape[1] - 1)))
    cell = label + 2
    steps = max(1, (max(console.width, _LEAST_WIDTH) - _LANE) // cell)
    for start in range(0, trace.length, steps):
        band = range(start, min(start + steps, trace.length))
        for line in _band(trace, band, label):
            console.print(line, no_wrap=True, overflow="crop", crop=True)
        console.print()
    for line in _legend():
        console.print(line)
    console.print()


def _band(trace: Trace, band: range, label: int) -> list[Text]:
    head = Text("step".ljust(_LANE), style="dim")
    aligned = Text("AF %".ljust(_LANE), style="dim")
    for n in band:
        head.append(f"{trace.t[n]:{label}d}  " if n == band[0] or trace.t[n] % 5 == 0 else " " * label + "  ")
        value = trace.alignment[n]
        aligned.append(" " * label + "  " if np.isnan(value) else f"{100 * value:{label}.0f}  ")
    return [head, *(_lane(trace, i, band, label) for i in range(trace.work.shape[1])), aligned]


def _lane(trace: Trace, agent: int, band: range, label: int) -> Text:
    line = Text(trace.batch.team.agents[agent].ljust(_LANE))
    for n in band:
        work, style = _work(trace, n, agent)
        line.append(work.rjust(label), style=style)
        speech = int(trace.speech[n, agent])
        mark = "!" if refused(trace, n, agent) else MARKS.get(speech, " ")
        line.append(mark, style=_MARK_STYLES[c.CHANNEL_OF_SPEECH[speech]] if speech else "")
        line.append(_outcome(trace, n, int(trace.worked[n, agent])), style="bold green")
    return line


def _work(trace: Trace, step: int, agent: int) -> tuple[str, str]:
    """Return what stands for the work of an agent in a step, and its style."""
    k = int(trace.worked[step, agent])
    if k >= 0:
        return str(k), _COLOURS[k % len(_COLOURS)]
    if trace.in_meeting[step, agent]:
        return "m", _MARK_STYLES[c.MEETING]
    if trace.work[step, agent] < 0:
        return "·", "dim"
    return ("x", "bold red") if trace.work_hours[step, agent] > 0.0 else ("-", "dim")


def _outcome(trace: Trace, step: int, subtask: int) -> str:
    if subtask < 0:
        return " "
    return _FINISHED if trace.finished[step, subtask] else _REWORKED if trace.reworked[step, subtask] else " "


def refused(trace: Trace, step: int, agent: int) -> bool:
    """Whether an agent called a meeting that did not take place."""
    return bool(trace.speech[step, agent] == c.MEET and trace.meeting_host[step, agent] != agent)


def _legend() -> list[Text]:
    work = (
        f"number: works on that subtask ({_FINISHED} done, {_REWORKED} came back), x wasted, · no work, - no time left"
    )
    speech = "c chat tell, C chat ask, e email tell, E email ask, a assigns, M calls a meeting, ! is refused it"
    rest = "m in a meeting all the step; AF %: mean Alignment Factor of the hours worked"
    return [Text(line, style="dim") for line in (work, speech, rest)]


# --- tables --------------------------------------------------------------------------------------------------


def subtask_table(trace: Trace) -> Table:
    """Make the table of when each subtask was begun and done, and by whom."""
    state, params, b = trace.batch.state, trace.batch.params, trace.row
    heads = ("#", "subtask", "domain", "effort", "first", "done", "at h", "by", "AF")
    table = _table("Subtasks", *heads, right=(0, 3, 4, 5, 6, 8))
    for k, subtask in enumerate(trace.batch.workflow(b).subtasks):
        steps = np.flatnonzero((trace.worked == k).any(axis=1))
        first = str(trace.t[steps[0]]) if len(steps) else "-"
        row = [str(k), one_line(subtask.title or subtask.id), subtask.domain, f"{subtask.effort:.1f}", first]
        done = int(state.finished_step[b, k])
        if done >= 0:
            by = (short_name(int(state.owner[b, k])), f"{state.finish_alignment[b, k]:.2f}")
            row += [str(done), f"{done * params.dt:.1f}", *(by if subtask.effort else ("-", "-"))]
        else:
            row += ["not done", "", "", ""]
        table.add_row(*map(Text, row))
    return table


def message_table(trace: Trace) -> Table:
    """Make the table of every message sent and meeting called."""
    subtasks = trace.batch.workflow(trace.row).subtasks
    table = _table("Messages", "step", "from -> to", "speech", "subtask", right=(0,))
    for n, i in np.argwhere(trace.speech != c.SILENT).tolist():
        recipient, k = int(trace.recipient[n, i]), int(trace.topic[n, i])
        to = "all" if recipient == trace.team else short_name(recipient)
        speech = c.SPEECHES[trace.speech[n, i]] + (" (refused)" if refused(trace, n, i) else "")
        topic = f"{k} {one_line(subtasks[k].title or subtasks[k].id)}"
        table.add_row(*map(Text, (str(trace.t[n]), f"{short_name(i)} -> {to}", speech, topic)))
    return table


def metric_table(metrics: dict[str, float]) -> Table:
    """Make the table of the metrics of the episode and what they mean."""
    table = _table("Metrics", "metric", "value", "meaning", right=(1,))
    for name, value in metrics.items():
        table.add_row(*map(Text, (name, "-" if np.isnan(value) else f"{value:.4g}", METRICS.get(name, ""))))
    return table


def _table(title: str, *heads: str, right: tuple[int, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for n, head in enumerate(heads):
        table.add_column(head, justify="right" if n in right else "left", no_wrap=head not in ("subtask", "meaning"))
    return table
