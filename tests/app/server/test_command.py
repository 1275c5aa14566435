"""Command ``medkd app``: accounts, audit log, erasure, and mistakes."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from medkd.app.server.command import add_arguments, main
from medkd.app.server.http_server import listen
from medkd.app.storage.audit_log import AuditLog, open_audit_log
from medkd.app.storage.database import DATABASE_FILE, open_database
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Reviews
from medkd.errors import CheckFailed, InputError
from medkd.parser import Parser


def app(*words: str, data: Path, **options: object) -> int:
    """Run the command; ``options`` replace values of the parsed namespace."""
    parser = Parser(prog="medkd app")
    add_arguments(parser)
    namespace = parser.parse_words([*words, "--data", str(data)])
    return main(argparse.Namespace(**vars(namespace) | {"port": 0} | options))


def log(data: Path) -> tuple[AuditLog, list[str]]:
    audit = open_audit_log(open_database(None, data), data)
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


def test_the_log_names_the_user_who_added_an_account(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOGNAME", "root-of-ward")
    app("user", "ada", data=data, role="reader")
    assert log(data)[0].last().actor == "(terminal) root-of-ward"


def test_a_whole_log_is_reported_with_its_seal_and_a_broken_one_fails(data: Path, capsys: pytest.CaptureFixture[str]):
    app("user", "ada", data=data, role="reader")
    capsys.readouterr()
    assert app("audit", data=data) == 0
    output = capsys.readouterr().out
    assert "whole: 1 rows" in output
    assert log(data)[0].last().mac in output
    key = data / ".audit_key"
    key.write_text("another")
    with pytest.raises(CheckFailed, match="row 1 "):
        app("audit", data=data)


def test_a_patient_is_forgotten(data: Path, capsys: pytest.CaptureFixture[str]):
    database = open_database(None, data)
    reviews = Reviews(database, open_audit_log(database, data), "cd")
    reviews.store_reading(CaseKey("s1", "p1", "id:1"), "ada", {"cd": "yes"}, seconds=1, model=ModelOutput("ab"))
    app("forget", "p1", data=data)
    output = capsys.readouterr().out
    assert "(readings 1)" in output
    assert "p1" not in output
    assert reviews.readings() == []
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
def test_a_mistake_is_reported_and_nothing_is_kept(
    data: Path, words: list[str], options: dict[str, object], message: str
):
    with pytest.raises(InputError, match=message):
        app(*words, data=data, **options)
    assert not (data / DATABASE_FILE).exists() or log(data)[1] == []


def test_a_port_in_use_is_reported_before_anything_is_opened(data: Path):
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


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        # ``medkd --help`` and mistakes are instant.
        ("medkd.app.server.command", ("gradio", "torch", "polars", "sqlalchemy")),
        # Gradio reads environment variables, which are set later, when it is imported.
        ("medkd.app.server.serve", ("gradio",)),
    ],
)
def test_what_is_heavy_is_imported_late(module: str, absent: tuple[str, ...]):
    code = f"import sys, {module}; print([name for name in {absent} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_help_lists_defaults_and_examples():
    parser = Parser(prog="medkd app", epilog="example:", formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    text = " ".join(parser.format_help().split())
    assert "default runs/app" in text
    assert "default 7860" in text
    assert "medkd app forget SUBJECT --data runs/app" in text
