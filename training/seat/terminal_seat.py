"""A game in the terminal: the same view and choices as on the page, with a question for each part of a move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from c2c_env.core import constants as c
from c2c_env.text.names import without_controls
from c2c_env.text.observation_text import number_of_steps, plain_number
from training.seat.choices import Move, SeatChoice, SeatChoices
from training.seat.game import BROKEN_OFF, CHOOSING, Game

Read = Callable[[str], str]
NOTHING_YET = "-"
LATEST_MAIL = 5  # entries of the mail that are shown
HELP = (
    "Finish every subtask in as few hours as you can. Work goes as fast as your Alignment Factor (AF) on a subtask,"
    " which rises when those who know more tell you something. Every message costs hours. Answer each question with a"
    " number; Enter takes the choice in brackets. The last column of the board is how much you understand, in percent."
)


def play_in_terminal(game: Game, console: Console, read: Read = input) -> int:
    """Play a game to its end; return the exit status.

    Args:
        game: that is played.
        console: where it is shown.
        read: asks a question and returns the line that was typed.
    """
    console.print(Text(HELP))
    try:
        while game.phase == CHOOSING:
            show_view(console, game.as_data())
            move = ask_move(game, console, read)
            console.print(Text("Your teammates decide ...", style="dim"))
            game.take(move)
    except EOFError:
        console.print(Text("\nThe input has ended before the game, so the game is over and nothing of it was kept."))
        return 1
    if game.phase == BROKEN_OFF:
        console.print(Text(without_controls(game.trouble), style="bold red"))
        return 1
    show_view(console, game.as_data())
    show_result(console, game.as_data())
    return 0


# --- questions -----------------------------------------------------------------------------------------------


def ask_move(game: Game, console: Console, read: Read) -> Move:
    """Ask for all parts of a move, each until the answer is legal."""
    choices, choose = game.choices, _Asker(console, read)
    work = choose("Work on", choices.work, usual_work(game))
    speech = choose("Say", choices.speech, c.SILENT, [_price(choices, n) for n in range(len(choices.speech))])
    if speech == c.SILENT:
        return Move(work)
    recipient = choose("To", choices.recipient, None)
    topic = choose("About", choices.topic, work - 1 if work else None)
    console.print(Text(f"This {choices.price_in_words(speech, recipient)}.", style="bold"))
    return Move(work, speech, recipient, topic)


def usual_work(game: Game) -> int:
    """What the person most likely goes on with: the work of the last step if it is still possible, else none."""
    last = int(game.sight.working[game.sight.me])
    return last + 1 if last >= 0 and not game.choices.work[last + 1].reason else 0


def _price(choices: SeatChoices, speech: int) -> str:
    return choices.price_in_words(speech, 0)


class _Asker:
    """Asks for one value after the other."""

    def __init__(self, console: Console, read: Read) -> None:
        self.console, self.read = console, read

    def __call__(
        self, question: str, choices: Sequence[SeatChoice], usual: int | None, remarks: Sequence[str] = ()
    ) -> int:
        """Ask until a legal value is given, or Enter where there is a usual one."""
        self.console.print(Text(f"{question}:", style="bold"))
        for choice in choices:
            self.console.print(self._line(choice, remarks[choice.value] if remarks else ""))
        default = "" if usual is None else f" [{usual}]"
        while True:
            word = self.read(f"{question}{default}> ").strip()
            value = usual if not word else int(word) if word.isascii() and word.isdecimal() and len(word) < 9 else -1
            if value is None or not 0 <= value < len(choices):
                self.console.print(Text(f"Expected a number from 0 to {len(choices) - 1}."))
            elif choices[value].reason:
                self.console.print(Text(f"{choices[value].label} is not possible now: {choices[value].reason}."))
            else:
                return value

    def _line(self, choice: SeatChoice, remark: str) -> Text:
        more = choice.reason or remark
        style = "dim" if choice.reason else ""
        return Text(f"  {choice.value:3}  {choice.label}" + (f"  ({more})" if more else ""), style=style)


# --- what is shown -------------------------------------------------------------------------------------------


def show_view(console: Console, data: dict[str, Any]) -> None:
    """Print the time, the board, the team and the mail."""
    view = data["view"]
    console.rule(Text(f"{data['workflow']}: step {view['step']} of at most {view['horizon']}"))
    debt = f"; you owe {plain_number(view['debt'])} h of communication" if view["debt"] > 0 else ""
    used = f"{plain_number(view['hours'])} h have passed; no team needs less than {plain_number(data['bound'])} h"
    console.print(Text(f"You are {view['me']}. {used}{debt}."))
    console.print(board_table(view))
    console.print(team_table(view))
    for line in mail_lines(data):
        console.print(Text(line))


def board_table(view: dict[str, Any]) -> Table:
    """Make the table of subtasks, with what the person understands of each."""
    heads = ("subtask", "status", "left", "domain", "owner", "at work", "AF", "your steps", "\n".join(view["facets"]))
    table = _table("Board", heads)
    for one in view["subtasks"]:
        known = "/".join(
            f"{100 * value:.0f}" if counts else NOTHING_YET
            for value, counts in zip(one["understanding"], one["counts"], strict=True)
        )
        status = f"needs {' '.join(one['needs'])}" if one["needs"] else one["status"]
        work = f"{plain_number(one['left'])} of {plain_number(one['effort'])} h"
        done = one["status"] == c.STATUSES[c.DONE]
        pace = (NOTHING_YET, NOTHING_YET) if done else (f"{one['alignment']:.2f}", str(one["steps"]))
        who = (one["owner"] or NOTHING_YET, ", ".join(one["workers"]) or NOTHING_YET)
        name = f"{one['name']} {one['title']}"
        table.add_row(*map(Text, (name, status, work, one["domain"], *who, *pace, known)), style="dim" if done else "")
    return table


def team_table(view: dict[str, Any]) -> Table:
    """Make the table of teammates, with their skills and what they last worked on."""
    domains = list(view["team"][0]["skills"])
    table = _table("Team", ("agent", *domains, "last worked on"))
    for mate in view["team"]:
        name = f"{mate['name']} (you)" if mate["you"] else mate["name"]
        skills = [plain_number(mate["skills"][domain]) for domain in domains]
        table.add_row(*map(Text, (name, *skills, mate["working"] or NOTHING_YET)))
    return table


def mail_lines(data: dict[str, Any]) -> list[str]:
    """Say who waits for an answer, and list the latest mail."""
    view = data["view"]
    lines = [f"{r['who']} waits for your answer about {r['topic']}, {_ago(r['age'])}." for r in view["to_me"]]
    lines += [f"You wait for an answer of {r['who']} about {r['topic']}, {_ago(r['age'])}." for r in view["by_me"]]
    for entry in data["mail"][-LATEST_MAIL:]:
        words = f": {without_controls(entry['text'])}" if entry["text"] else ""
        lines.append(f"step {entry['step']}: {entry['said']}{words}")
    return lines


def _ago(age: int) -> str:
    return f"{number_of_steps(age)} ago"


def show_result(console: Console, data: dict[str, Any]) -> None:
    """Print how the game ended, beside other teams."""
    result = data["result"]
    end = "All work is done." if result["finished"] else "The time is over before all work was done."
    console.print(Text(f"\n{end} Your messages cost you {plain_number(result['own_hours'])} h.", style="bold"))
    table = _table("The same episode", ("team", "hours", "score", "communication h", "messages"))
    for row in result["rows"]:
        if row["reason"]:
            table.add_row(Text(row["name"]), Text(row["reason"]))
        else:
            figures = (row["completion_time"], row["score"], row["communication_hours"], row["messages"])
            table.add_row(Text(row["name"]), *(Text(plain_number(figure)) for figure in figures))
    table.add_row(Text("no team needs less than"), Text(plain_number(data["bound"])), Text("1"))
    console.print(table)
    if result["note"]:
        console.print(Text(without_controls(result["note"])))


def _table(title: str, heads: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, no_wrap="\n" in head)
    return table
