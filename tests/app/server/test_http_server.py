"""HTTP server: a signal ends it cleanly."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request

import pytest

_SERVE = """
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from medkd.app.server.http_server import listen, serve_until_stopped
async def endless():
    import asyncio
    while True:
        yield "tick"
        await asyncio.sleep(0.05)
async def answer(request):
    return StreamingResponse(endless())
app = Starlette()
app.add_route("/", answer)
port = listen("127.0.0.1", 0)
print(port.getsockname()[1], flush=True)
serve_until_stopped(app, port)
print("stopped")
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly_while_a_browser_listens(how: signal.Signals):
    server = subprocess.Popen([sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = int(server.stdout.readline())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?secret=1", timeout=20) as stream:
        assert stream.read(4) == b"tick"
        server.send_signal(how)
        output, logged = server.communicate(timeout=20)
    assert (server.returncode, output) == (0, "stopped\n")
    assert "secret" not in logged
