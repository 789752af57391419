"""The page of a game, on 127.0.0.1 only: reads the game, takes moves, and shows the replay at the end."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import uvicorn
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from training.seat.choices import IllegalMoveError, Move
from training.seat.game import BROKEN_OFF, CHOOSING, ENDED, WAITING, Game, StaleStepError
from training.seat.guard import LARGEST_BODY, REPLAY_POLICY, Address, Guard

Finished = Callable[[Game], str | None]
PAGE = Path(__file__).parent / "page"
FILES = {
    "": ("play.html", "text/html"),
    "play.js": ("play.js", "text/javascript"),
    "play.css": ("play.css", "text/css"),
}
USUAL_SECONDS = 0.3  # seconds in which most partners have decided, so that the answer to a move is the next step
MOVE_KEYS = ("step", *(field.name for field in fields(Move)))


class MoveFormError(ValueError):
    """A body that is no move; the message says what is expected."""


class Seat:
    """Answers the requests of a game.

    Args:
        game: all pages show this one.
        finished: makes the HTML of the replay of a game that has ended; None where there is none.
    """

    def __init__(self, game: Game, finished: Finished | None = None) -> None:
        self.game, self._finished = game, finished

    def app(self, address: Address) -> ASGIApp:
        """The application at an address, with its guard."""
        base = f"/{address.token}/"
        routes = [Route(base + name, self._file_sender(*file)) for name, file in FILES.items()]
        routes += [
            Route(base + "state", self._state),
            Route(base + "step", self._step, methods=["POST"]),
            Route(base + "replay", self._replay),
        ]
        return Guard(Starlette(routes=routes), address)

    def _file_sender(self, name: str, kind: str) -> Callable[[Request], Response]:
        def send_file(_request: Request) -> Response:
            return Response((PAGE / name).read_bytes(), media_type=kind)

        return send_file

    async def _state(self, _request: Request) -> Response:
        return JSONResponse(self._data())

    def _data(self) -> dict[str, Any]:
        return {**self.game.as_data(), "replay": self._finished is not None}

    async def _step(self, request: Request) -> Response:
        try:
            step, move = read_move(await read_bounded_body(request))
            self.game.begin(step, move)
        except MoveFormError as error:
            return JSONResponse({"error": str(error)}, 400)
        except StaleStepError as error:
            return JSONResponse({"error": str(error)}, 409)
        except IllegalMoveError as error:
            return JSONResponse({"error": str(error)}, 422)
        worker = threading.Thread(target=self.game.finish, daemon=True)  # partners may think for minutes
        worker.start()
        await asyncio.to_thread(worker.join, USUAL_SECONDS)
        return JSONResponse(self._data())

    async def _replay(self, _request: Request) -> Response:
        html = None
        if self.game.phase == ENDED and self._finished is not None:
            html = await asyncio.to_thread(self._finished, self.game)
        if html is None:
            return PlainTextResponse("There is no replay of this game, or none yet.", 404)
        return HTMLResponse(html, headers={"content-security-policy": REPLAY_POLICY})


async def read_bounded_body(request: Request) -> bytes:
    """Read a body of at most `LARGEST_BODY` bytes, whatever its header says.

    Raises:
        MoveFormError: it is larger.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise MoveFormError(f"the body has more than {LARGEST_BODY} bytes, expected a move")
    return body


def read_move(body: bytes) -> tuple[int, Move]:
    """Read the step and the move from JSON.

    Raises:
        MoveFormError: it is no object of exactly the integers `MOVE_KEYS`.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise MoveFormError("the body is no JSON, expected an object") from None
    if not isinstance(given, dict) or set(given) != set(MOVE_KEYS):
        raise MoveFormError(f"the body is not an object with exactly the keys {', '.join(MOVE_KEYS)}")
    wrong = [key for key, value in given.items() if type(value) is not int]  # True is no number here
    if wrong:
        raise MoveFormError(f"{', '.join(sorted(wrong))} must be integers")
    step = given.pop("step")
    return step, Move(**given)


def serve(game: Game, console: Console, *, finished: Finished | None = None, open_browser: bool = False) -> int:
    """Serve the page until Ctrl-C; return the exit status.

    Args:
        game: that is played.
        console: where the address is printed.
        finished: see `Seat`.
        open_browser: open the page in the browser as well.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # from now on a browser that opens the page waits until it is served
        address = Address(listening.getsockname()[1], secrets.token_urlsafe(24))
        console.print(f"Your game is at {address.page}", markup=False)
        console.print("Only this machine can open it. Ctrl-C ends the game.", markup=False)
        if open_browser:
            webbrowser.open(address.page)
        server = make_server(Seat(game, finished).app(address))
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            if game.phase in (CHOOSING, WAITING):  # what was played to its end is kept
                raise
    return 1 if game.phase == BROKEN_OFF else 0


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Make the server, which logs nothing, keeps no one waiting at its end, and takes no other protocol than HTTP."""
    config = uvicorn.Config(
        app, log_config=None, log_level="critical", access_log=False, ws="none", lifespan="off", server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    return uvicorn.Server(config)
