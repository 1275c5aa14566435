"""A port, and a server on it that stops cleanly."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

from medkd.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_GRACE_SECONDS = 3
# Longer than nginx keeps its own end (60 s): one that closes first meets a request that is just being sent, and a
# verdict is not retried.
_KEPT_SECONDS = 75


def listen(host: str, port: int) -> socket.socket:
    """Take a port, so that nobody else can; who connects waits until the server answers.

    Raises:
        InputError: host or port cannot be had.
    """
    remedy = "Give another --port or --host"
    if not 0 <= port <= 65535:
        raise InputError(f"there is no port {port}", remedy=remedy)
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise InputError(
            f"cannot serve at {host}, port {port}: {(error.strerror or str(error)).lower()}", remedy=remedy
        ) from error


def serve_until_stopped(app: ASGIApp, port: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT; both are how it ends, no failure. Requests under way have three seconds."""
    import uvicorn

    # URLs and addresses stay out of every log. Addresses behind a proxy are read by medkd.app.auth.proxy, which knows
    # the one that is trusted.
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEPT_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # The server raises a signal again once it has stopped for it.
    before = {each: signal.signal(each, lambda *_: None) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(config).run(sockets=[port])
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
