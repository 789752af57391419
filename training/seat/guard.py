"""What a request must show before the page of a game answers it, and the headers that every answer carries.

The page is for one person on this machine. Other programs and pages of other sites that run here must neither read the
game nor play in it, so every request carries the token of the address and names the host that is served.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 2000  # bytes; a move has some tens
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
# a replay is one file with its own scripts and styles; it runs apart, and reaches neither the game nor the network
REPLAY_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True)
class Address:
    """Where a game is served.

    Attributes:
        port: on 127.0.0.1.
        token: which nobody can guess; every path begins with it.
    """

    port: int
    token: str

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def page(self) -> str:
        return f"{self.origin}/{self.token}/"


class Guard:
    """Lets through what comes from the page, and answers everything else itself."""

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self.app, self.address = app, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # uvicorn serves no other kind here; its start and end need no answer
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message.get("headers", [])}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                kept = [pair for pair in more if pair[0] not in given]
                message = {**message, "headers": [*message.get("headers", []), *kept]}
            await send(message)

        refusal = self._refusal(scope)
        app = PlainTextResponse(refusal[1], refusal[0]) if refusal else self.app
        await app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason where a request is not let through."""
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        if headers.get(b"host") != [self.address.host.encode()]:
            return 403, "The Host header is not the address that is served here."
        token = scope["path"].split("/", 2)[1] if "/" in scope["path"] else ""
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.address.token.encode()):
            return 403, "The address has no valid token. Open the address that the program has printed."
        return self._refuse_post(headers) if scope["method"] not in ("GET", "HEAD") else None

    def _refuse_post(self, headers: dict[bytes, list[bytes]]) -> tuple[int, str] | None:
        if headers.get(b"origin") != [self.address.origin.encode()]:
            return 403, "The Origin header is not that of the page."
        kind = b"".join(headers.get(b"content-type", [])).split(b";")[0].strip().lower()
        if kind != b"application/json":
            return 415, "The body is not JSON, expected application/json."
        length = b"".join(headers.get(b"content-length", []))
        if not length.isdigit() or int(length[:10]) > LARGEST_BODY:
            return 413, f"The body needs a Content-Length of at most {LARGEST_BODY} bytes."
        return None
