"""The door in front of every route.

Nothing passes without a session, and nothing leaves without the headers that protect it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medkd.app.auth.error_handling import TOLD, note
from medkd.app.storage.account import Account

OPEN = ("/healthz", "/login.css", "/login")
"""Paths that need no session; the last of them not where the proxy logs people in."""
LARGEST = 256 * 1024
"""Bytes of a request's body."""
_BEFORE_CHANGE = ("/password", "/logout")
_API = "/gradio_api/"
# What the pages call. The others upload, serve files, stream media, fetch from other hosts or write code, and nothing
# here needs them.
_CALLED = re.compile(
    r"(queue/(join|data)|heartbeat/[\w-]+|run/[\w-]+|cancel|reset|info|startup-events|theme\.css|user|app_id|login_check)/?",
    re.ASCII,
)
_REFUSED = ("/file", "/upload", "/monitoring", "/dev/", "/proxy", "/custom_component", "/gradio_api")
_UNCHANGING = ("/assets/", "/static/", "/svelte/")
_SAFE = ("GET", "HEAD", "OPTIONS")


class Guard:
    """Middleware around the whole server.

    Args:
        app: what is guarded.
        identify: who a request comes from; None is nobody. It is called in a thread.
        login: where to send a browser that has no session; None where the proxy logs people in.
    """

    def __init__(self, app: ASGIApp, identify: Callable[[Request], Account | None], login: str | None) -> None:
        self.app = app
        self.identify = identify
        self.login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            # No page speaks over websockets.
            return await send({"type": "websocket.close", "code": 1008})
        # A policy can name scripts of a page only while it can be read.
        if _is_page(scope):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        outgoing = _Outgoing(send, scope["path"])
        try:
            request = Request(scope)
            answer = await self._refuse(request)
            if answer is not None:
                return await answer(scope, receive, outgoing)
            body = await _body(receive)
            if len(body) > LARGEST:
                return await _answer(413, "the request is too large")(scope, receive, outgoing)
            await self.app(scope, _first(body, receive), outgoing)
        except Exception as error:
            note(error)
            if not outgoing.begun:
                await _answer(500, TOLD)(scope, receive, outgoing)

    async def _refuse(self, request: Request) -> Response | None:
        """The answer to a request that may not pass; None where it may."""
        # What is routed by; request.url is put together with what the Host header says.
        path: str = request.scope["path"]
        if not _is_own(request):
            return _answer(403, "the request comes from another site")
        if (
            not request.headers.get("content-length", "0").isdecimal()
            or int(request.headers.get("content-length", "0")) > LARGEST
        ):
            return _answer(413, "the request is too large")
        if path in (OPEN if self.login else OPEN[:-1]):
            return None
        account = await run_in_threadpool(self.identify, request)
        if account is None:
            if self.login is None:
                return _answer(403, "your hospital's login did not say who you are, or you have no account here")
            return RedirectResponse(self.login, 303) if _is_page(request.scope) else _answer(401, "log in first")
        request.scope.setdefault("state", {})["account"] = account
        if account.must_change and path not in _BEFORE_CHANGE and self.login is not None:
            return (
                RedirectResponse("/password", 303)
                if _is_page(request.scope)
                else _answer(403, "choose a password first")
            )
        return None if _is_served(path) else _answer(403, "nothing is uploaded to this viewer, and no files are served")


class _Outgoing:
    """Sends what the server answers, with the headers that every answer has.

    And a page's scripts named in its policy.
    """

    def __init__(self, send: Send, path: str) -> None:
        self._send = send
        self._path = path
        self._nonce = secrets.token_urlsafe(16)
        self._start: Message | None = None
        self._page = b""
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            self._protect(headers)
            self.begun = True
            if headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers:
                self._start = message
                return
        elif self._start is not None and message["type"] == "http.response.body":
            self._page += message.get("body", b"")
            if message.get("more_body"):
                return
            page = self._page.replace(b"<script", f'<script nonce="{self._nonce}"'.encode())
            MutableHeaders(scope=self._start)["content-length"] = str(len(page))
            await self._send(self._start)
            self._start = None
            message = {"type": "http.response.body", "body": page}
        await self._send(message)

    def _protect(self, headers: MutableHeaders) -> None:
        headers["content-security-policy"] = "; ".join(
            (
                "default-src 'self'",
                # Gradio compiles its HTML components' templates in the browser. Scripts and handlers within a text stay
                # forbidden.
                f"script-src 'self' 'nonce-{self._nonce}' 'unsafe-eval'",
                # Plots and the frame around the pages write their style into the elements.
                "style-src 'self' 'unsafe-inline'",
                "img-src 'self' data: blob:",
                "font-src 'self' data:",
                "connect-src 'self'",
                "object-src 'none'",
                "frame-src 'none'",
                "base-uri 'self'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            )
        )
        headers["x-content-type-options"] = "nosniff"
        headers["x-frame-options"] = "DENY"
        # With "no-referrer" browsers send "Origin: null" with our own forms, and these could not be told from another
        # site's.
        headers["referrer-policy"] = "same-origin"
        headers["cross-origin-opener-policy"] = "same-origin"
        headers["cross-origin-resource-policy"] = "same-origin"
        headers["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
        unchanging = self._path.startswith(_UNCHANGING)
        headers["cache-control"] = "private, max-age=86400" if unchanging else "no-store"
        del headers["server"]


async def _body(receive: Receive) -> bytes:
    """A request's body; of one that is too large only as much as shows it."""
    body, more = b"", True
    while more and len(body) <= LARGEST:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _first(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, then whatever comes after it."""
    waiting = [body]

    async def given() -> Message:
        return {"type": "http.request", "body": waiting.pop(), "more_body": False} if waiting else await receive()

    return given


def _is_page(scope: Scope) -> bool:
    """Whether a browser asks for a page, rather than a script for data."""
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return scope["method"] in ("GET", "HEAD") and b"text/html" in accept and not scope["path"].startswith(_API)


def _is_own(request: Request) -> bool:
    """Whether one of our own pages sent it, as far as browsers tell.

    What is no browser tells nothing and has no cookie of one.

    Another port of the same machine is the same site to a browser, which then sends the cookie: hence more than
    SameSite is asked for.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:
        origin = request.headers.get("origin")
        return origin is None or urlsplit(origin).netloc == request.headers.get("host")
    follows_a_link = request.method in _SAFE and (site == "none" or request.headers.get("sec-fetch-mode") == "navigate")
    return site == "same-origin" or follows_a_link


def _is_served(path: str) -> bool:
    if path.startswith(_API):
        return _CALLED.fullmatch(path.removeprefix(_API)) is not None
    return not path.startswith(_REFUSED)


def _answer(status: int, what: str) -> Response:
    return JSONResponse({"error": what}, status) if status in (401, 403) else PlainTextResponse(f"{what}\n", status)
