from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from medkd.app.server.command import main
from medkd.app.server.socket import listen
from medkd.app.storage.audit_log import Audit, open_audit
from medkd.app.storage.database import FILE, open_database
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Verdicts
from medkd.errors import CheckFailed, InputError

DEFAULTS = {
    "cases": None,
    "predictions": None,
    "host": "127.0.0.1",
    "port": 0,
    "open": False,
    "require_signed": None,
    "database": None,
    "proxy_header": None,
    "proxy_address": None,
    "proxy_create": None,
    "cookie_secure": "auto",
    "trust": [],
    "role": None,
    "identifiers": None,
    "remove": False,
    "reset_password": False,
}


def app(*words: str, data: Path, **options: object) -> int:
    return main(argparse.Namespace(words=list(words), **(DEFAULTS | {"data": data} | options)))


def log(data: Path) -> tuple[Audit, list[str]]:
    audit = open_audit(open_database(None, data), data)
    return audit, [row.action for row in audit.rows()]


def test_accounts_are_made_listed_changed_and_removed(data: Path, capsys: pytest.CaptureFixture[str]):
    app("user", "boss", data=data, role="admin", identifiers=True)
    app("user", "ada", data=data, role="reader")
    made = capsys.readouterr().out.splitlines()
    assert [line.partition(".")[0] for line in made] == ["Made: boss, admin", "Made: ada, reader"]
    app("user", "ada", data=data, role="adjudicator")
    app("user", "ada", data=data, identifiers=True, reset_password=True)
    app("user", data=data)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "ada: adjudicator, sees pseudonyms."
    assert shown[2] == "ada: adjudicator, sees identifiers."
    assert [line.split() for line in shown[3:]] == [
        ["ada", "adjudicator", "identifiers"],
        ["boss", "admin", "identifiers"],
    ]
    app("user", "ada", data=data, remove=True)
    app("user", data=data)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["boss"]
    assert log(data)[1] == ["account added"] * 2 + ["account changed"] * 2 + ["password changed", "account removed"]


def test_who_made_an_account_stands_in_the_log(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOGNAME", "root-of-ward")
    app("user", "ada", data=data, role="reader")
    assert log(data)[0].last().actor == "(terminal) root-of-ward"


def test_a_whole_log_is_told_with_its_seal_and_a_broken_one_fails(data: Path, capsys: pytest.CaptureFixture[str]):
    app("user", "ada", data=data, role="reader")
    capsys.readouterr()
    assert app("audit", data=data) == 0
    said = capsys.readouterr().out
    assert "whole: 1 rows" in said
    assert log(data)[0].last().mac in said
    key = data / ".audit_key"
    key.write_text("another")
    with pytest.raises(CheckFailed, match="row 1 "):
        app("audit", data=data)


def test_a_patient_is_forgotten(data: Path, capsys: pytest.CaptureFixture[str]):
    database = open_database(None, data)
    verdicts = Verdicts(database, open_audit(database, data), "cd")
    verdicts.reading(CaseKey("s1", "p1", "id:1"), "ada", {"cd": "yes"}, seconds=1, model=ModelOutput("ab"))
    app("forget", "p1", data=data)
    said = capsys.readouterr().out
    assert "(readings 1)" in said
    assert "p1" not in said
    assert verdicts.readings() == []
    assert log(data)[1] == ["reading", "forgotten"]
    database.dispose()


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ([], {}, "which bundle"),
        (["runs/demo/bundle", "more"], {}, "which bundle"),
        (["forget"], {}, "not understood"),
        (["audit", "me"], {}, "not understood"),
        (["forget", "a", "b"], {}, "not understood"),
        (["audit"], {}, "no viewer kept anything here"),
        (["forget", "p1"], {}, "no viewer kept anything here"),
        (["user", "ada"], {}, "no account 'ada'"),
        (["user", "ada"], {"role": "boss"}, "no role 'boss'"),
        (["user", "Ada"], {"role": "reader"}, "cannot be an account's name"),
        (["user", "ada"], {"remove": True}, "no account 'ada'"),
        (["bundle"], {}, "say which cases"),
        (["bundle"], {"cases": Path(), "proxy_header": "X-User"}, "needs --proxy-address"),
        (["bundle"], {"cases": Path(), "host": "not.a.host.invalid"}, "cannot serve at"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_kept(data: Path, words: list[str], options: dict[str, object], message: str):
    with pytest.raises(InputError, match=message):
        app(*words, data=data, **options)
    assert not (data / FILE).exists() or log(data)[1] == []


def test_a_port_in_use_is_told_before_anything_is_opened(data: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="address already in use") as caught:
            app("bundle", data=data, cases=Path(), port=taken.getsockname()[1])
    assert "--port" in caught.value.remedy
    assert not data.exists()
    with pytest.raises(InputError, match="no port 70000"):
        listen("127.0.0.1", 70_000)


def test_what_the_command_writes_is_its_owners_alone(data: Path):
    app("user", "ada", data=data, role="reader")
    assert {path.stat().st_mode & 0o077 for path in (data, *data.rglob("*"))} == {0}


_SERVE = """
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from medkd.app.server.socket import listen, serve_until_stopped
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
        said, logged = server.communicate(timeout=20)
    assert (server.returncode, said) == (0, "stopped\n")
    assert "secret" not in logged
