"""Reverse proxy of a portal, in miniature: what is below a path goes to the viewer, without that path."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = ("connection", "transfer-encoding", "keep-alive", "server", "date")


@contextmanager
def stripping_proxy(viewer: str, path: str, headers: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Address of the viewer through the proxy, and the paths of requests that left it.

    Args:
        viewer: the viewer's own address.
        path: such as "/ecg".
        headers: that the proxy adds.
    """
    outside: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == path:
                self.send_response(301)
                self.send_header("location", f"{path}/")
                self.end_headers()
                return
            if not self.path.startswith(f"{path}/"):
                outside.append(self.path)
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            connection = http.client.HTTPConnection(urlsplit(viewer).netloc, timeout=60)
            asked = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path.removeprefix(path), body, {**asked, **headers})
            answer = connection.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            # Piece by piece, since results are streamed.
            while piece := answer.read1(65536):
                self.wfile.write(piece)
                self.wfile.flush()

        do_POST = do_GET  # noqa: N815 - the names that http.server looks up.
        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{path}", outside
    finally:
        server.shutdown()
        server.server_close()
