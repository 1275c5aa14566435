"""Security middleware: session check, same-origin check and size limit on requests, protective headers on answers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medkd.app.auth.error_handling import PUBLIC_MESSAGE, print_error_location
from medkd.app.storage.account import Account

PUBLIC_PATHS = ("/healthz", "/login.css", "/login")
"""Paths that need no session; ``/login`` is not among them where a proxy logs users in."""
MAX_BODY_BYTES = 256 * 1024
"""Bytes of a request's body."""
_PATHS_BEFORE_PASSWORD_CHANGE = ("/password", "/logout")
_API = "/gradio_api/"
# What the pages call. Gradio's other routes upload, serve files, stream media, fetch from other hosts or write code;
# none is needed here.
_API_CALLS = re.compile(
    r"(queue/(join|data)|heartbeat/[\w-]+|run/[\w-]+|cancel|reset|info|startup-events|theme\.css|user|app_id|login_check)/?",
    re.ASCII,
)
_REFUSED_PATHS = ("/file", "/upload", "/monitoring", "/dev/", "/proxy", "/custom_component", "/gradio_api")
_CACHED_PATHS = ("/assets/", "/static/", "/svelte/")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class SecurityMiddleware:
    """ASGI middleware around the whole server.

    Args:
        identify: the account behind a request, or None; it is called in a thread.
        login: path to which a browser without a session is redirected; None where a proxy logs users in.
        prefix: path below which the browser of a request sees the viewer, such as "/ecg"; "" where there is none.
    """

    def __init__(
        self,
        app: ASGIApp,
        identify: Callable[[Request], Account | None],
        login: str | None,
        prefix: Callable[[HTTPConnection], str] = lambda _: "",
    ) -> None:
        self.app = app
        self.identify = identify
        self.login = login
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            # No page uses websockets.
            return await send({"type": "websocket.close", "code": 1008})
        scope = _below(scope, self.prefix(HTTPConnection(scope)))
        # The nonce is written into a page's scripts, which must not be compressed for that.
        if _is_page(scope):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        protected = _ProtectedSend(send, _path(scope))
        try:
            request = Request(scope)
            refusal = await self._refusal(request)
            if refusal is not None:
                return await refusal(scope, receive, protected)
            body = await _read_body(receive)
            if len(body) > MAX_BODY_BYTES:
                return await _error_response(413, "the request is too large")(scope, receive, protected)
            await self.app(scope, _replay(body, receive), protected)
        except Exception as error:
            print_error_location(error)
            if not protected.begun:
                await _error_response(500, PUBLIC_MESSAGE)(scope, receive, protected)

    async def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not pass; None if it may."""
        # The path that is routed; request.url also depends on the Host header.
        path, root = _path(request.scope), request.scope.get("root_path", "")
        if root and not path and _is_page(request.scope):
            # Links of the pages are relative to the slash at the end.
            return RedirectResponse(f"{root}/", 308)
        if not _is_same_origin(request):
            return _error_response(403, "the request comes from another site")
        if (
            not request.headers.get("content-length", "0").isdecimal()
            or int(request.headers.get("content-length", "0")) > MAX_BODY_BYTES
        ):
            return _error_response(413, "the request is too large")
        if path in (PUBLIC_PATHS if self.login else PUBLIC_PATHS[:-1]):
            return None
        account = await run_in_threadpool(self.identify, request)
        if account is None:
            if self.login is None:
                return _error_response(
                    403, "your hospital's login did not say who you are, or you have no account here"
                )
            return (
                RedirectResponse(f"{root}{self.login}", 303)
                if _is_page(request.scope)
                else _error_response(401, "log in first")
            )
        request.scope.setdefault("state", {})["account"] = account
        if account.must_change and path not in _PATHS_BEFORE_PASSWORD_CHANGE and self.login is not None:
            return (
                RedirectResponse(f"{root}/password", 303)
                if _is_page(request.scope)
                else _error_response(403, "choose a password first")
            )
        return (
            None
            if _is_allowed(path)
            else _error_response(403, "nothing is uploaded to this viewer, and no files are served")
        )


class _ProtectedSend:
    """ASGI send that adds the protective headers to every answer, and the policy's nonce to the scripts of a page."""

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
            if b'rel="icon"' not in page:
                # Browsers would ask for one at the root of the host, which may be a portal's.
                page = page.replace(b"<head>", b'<head><link rel="icon" href="data:,">', 1)
            MutableHeaders(scope=self._start)["content-length"] = str(len(page))
            await self._send(self._start)
            self._start = None
            message = {"type": "http.response.body", "body": page}
        await self._send(message)

    def _protect(self, headers: MutableHeaders) -> None:
        headers["content-security-policy"] = "; ".join(
            (
                "default-src 'self'",
                # Gradio compiles its HTML components' templates in the browser. Inline scripts stay forbidden.
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
        # With "no-referrer" browsers send "Origin: null" with the viewer's own forms, as other sites' forms do.
        headers["referrer-policy"] = "same-origin"
        headers["cross-origin-opener-policy"] = "same-origin"
        headers["cross-origin-resource-policy"] = "same-origin"
        headers["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
        is_cached = self._path.startswith(_CACHED_PATHS)
        headers["cache-control"] = "private, max-age=86400" if is_cached else "no-store"
        del headers["server"]


def _below(scope: Scope, root: str) -> Scope:
    """The scope of a request to the viewer below ``root``, whether the proxy has taken that from the path or not."""
    path: str = scope["path"]
    if not root:
        return scope if not scope.get("root_path") else {**scope, "root_path": ""}
    if path != root and not path.startswith(f"{root}/"):
        path = f"{root}{path}"
    headers = [(name, value) for name, value in scope["headers"] if name != b"x-forwarded-host"]
    if forwarded := [value for name, value in scope["headers"] if name == b"x-forwarded-host"]:
        # From which Gradio would make its own address, without the path.
        host = forwarded[0].partition(b",")[0].strip()
        headers = [(b"host", host), *((name, value) for name, value in headers if name != b"host")]
    return {**scope, "path": path, "raw_path": path.encode(), "root_path": root, "headers": headers}


def _path(scope: Scope) -> str:
    """The path below the root path."""
    return str(scope["path"])[len(scope.get("root_path", "")) :]


async def _read_body(receive: Receive) -> bytes:
    """A request's body, read until it is complete or exceeds ``MAX_BODY_BYTES``."""
    body, more = b"", True
    while more and len(body) <= MAX_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """ASGI receive that first returns the body that was read already."""
    unread = [body]

    async def replay() -> Message:
        return {"type": "http.request", "body": unread.pop(), "more_body": False} if unread else await receive()

    return replay


def _is_page(scope: Scope) -> bool:
    """Whether a browser requests a page, rather than a script data."""
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return scope["method"] in ("GET", "HEAD") and b"text/html" in accept and not _path(scope).startswith(_API)


def _is_same_origin(request: Request) -> bool:
    """Whether one of the viewer's own pages sent the request, by the headers that browsers set.

    Other clients set no such headers and have no browser's cookie. SameSite alone is not enough: to a browser another
    port of the same machine is the same site, and it sends the cookie there.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:
        origin = request.headers.get("origin")
        return origin is None or urlsplit(origin).netloc == request.headers.get("host")
    is_navigation = request.method in _SAFE_METHODS and (
        site == "none" or request.headers.get("sec-fetch-mode") == "navigate"
    )
    return site == "same-origin" or is_navigation


def _is_allowed(path: str) -> bool:
    if path.startswith(_API):
        return _API_CALLS.fullmatch(path.removeprefix(_API)) is not None
    return not path.startswith(_REFUSED_PATHS)


def _error_response(status: int, message: str) -> Response:
    return (
        JSONResponse({"error": message}, status) if status in (401, 403) else PlainTextResponse(f"{message}\n", status)
    )
