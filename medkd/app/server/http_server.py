"""HTTP server: a bound port, and uvicorn on it until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

from medkd.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_GRACE_SECONDS = 3
# Longer than nginx keeps an idle connection (60 s): were this end to close first, a request that is being sent would be
# lost, and a verdict is not retried.
_KEEP_ALIVE_SECONDS = 75


def listen(host: str, port: int) -> socket.socket:
    """Bind a port; clients that connect wait until the server runs.

    Raises:
        InputError: host or port is invalid or in use.
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


def serve_until_stopped(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, which are normal ends. Requests in progress have three seconds to end."""
    import uvicorn

    # No log holds URLs or addresses. Headers of a proxy are read by medkd.app.auth.proxy, which checks where they come
    # from.
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    # uvicorn raises the signal again after it has stopped.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
