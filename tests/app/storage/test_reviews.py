from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import Audit
from medkd.app.storage.database import Database, open_database
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Verdicts
from medkd.errors import InputError

CASE, OTHER = CaseKey("rec/00017", "p17", "id:aa"), CaseKey("rec/00018", "p18", "id:bb")
MODEL = ModelOutput("ab" * 32, {"cd": 0.71}, {"cd": True}, "cd", 0.4)


def read(verdicts: Verdicts, reader: str = "ada", answer: str = "yes", case: CaseKey = CASE):
    return verdicts.reading(case, reader, {"cd": answer}, seconds=12.5, model=MODEL)


def judge(
    verdicts: Verdicts, reader: str = "ada", agreement: str = "agree", comment: str = "", *, blinded: bool = True
):
    return verdicts.verdict(CASE, reader, agreement, comment=comment, seconds=3.0, model=MODEL, blinded=blinded)


def test_the_model_is_shown_after_the_readers_own_reading(verdicts: Verdicts):
    assert not verdicts.may_see_model(CASE.case_key, "ada", blinded=True)
    assert verdicts.may_see_model(CASE.case_key, "ada", blinded=False)
    read(verdicts)
    assert verdicts.may_see_model(CASE.case_key, "ada", blinded=True)
    assert not verdicts.may_see_model(CASE.case_key, "bob", blinded=True)
    assert not verdicts.may_see_model(OTHER.case_key, "ada", blinded=True)


def test_a_reading_is_kept_as_it_was_given(verdicts: Verdicts, clock):
    stored = read(verdicts)
    assert stored == verdicts.reading_of(CASE.case_key, "ada")
    assert (stored.reading, stored.blinded, stored.seconds, stored.model, stored.at) == (
        {"cd": "yes"},
        True,
        12.5,
        MODEL,
        clock(),
    )
    assert stored.case == CASE


def test_a_reading_cannot_be_changed(verdicts: Verdicts):
    first = read(verdicts)
    assert read(verdicts) == first
    with pytest.raises(InputError, match="cannot be changed"):
        read(verdicts, answer="no")
    assert verdicts.readings() == [first]


def test_a_reading_after_the_model_was_shown_is_not_blinded(verdicts: Verdicts):
    """A server that was started open, then blinded."""
    verdicts.shown(CASE, "ada")
    verdicts.shown(CASE, "ada")
    assert read(verdicts).blinded is False
    assert read(verdicts, "bob").blinded is True


def test_no_verdict_before_the_reading_in_blinded_mode(verdicts: Verdicts):
    with pytest.raises(InputError, match="own reading first"):
        judge(verdicts)
    assert verdicts.verdicts() == []
    read(verdicts)
    assert judge(verdicts).revision == 1


def test_open_cases_need_no_reading(verdicts: Verdicts):
    assert judge(verdicts, blinded=False).agreement == "agree"


def test_a_changed_verdict_is_a_revision_and_the_newest_counts(verdicts: Verdicts, database: Database):
    read(verdicts)
    judge(verdicts)
    changed = judge(verdicts, agreement="disagree", comment="ST elevation in V1")
    assert changed.revision == 2
    assert verdicts.verdicts() == [changed]
    assert verdicts.verdict_of(CASE.case_key, "ada") == changed
    assert verdicts.of_reader("ada") == {CASE.case_key: "disagree"}
    back = judge(verdicts)
    assert (back.revision, verdicts.verdicts()) == (3, [back])


def test_a_double_click_is_one_verdict(verdicts: Verdicts, audit: Audit):
    read(verdicts)
    assert judge(verdicts, comment="x") == judge(verdicts, comment=" x ")
    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(lambda _: judge(verdicts, agreement="unsure").revision, range(16)))
    assert outcomes == {2}
    assert [row.action for row in audit.rows()] == ["reading", "verdict", "verdict"]


def test_many_readers_at_once_on_one_case_are_all_kept(verdicts: Verdicts, audit: Audit):
    names = [f"reader{number}" for number in range(16)]

    def work(name: str) -> None:
        read(verdicts, name, "yes" if name.endswith("1") else "no")
        judge(verdicts, name, "disagree", comment=name)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, names))
    assert {row.reader: row.reading["cd"] for row in verdicts.readings()} == {
        name: "yes" if name.endswith("1") else "no" for name in names
    }
    assert sorted(row.comment for row in verdicts.verdicts()) == sorted(names)
    assert audit.verify() == []
    assert len(list(audit.rows())) == 32


def test_readers_are_told_apart(verdicts: Verdicts):
    read(verdicts)
    read(verdicts, "bob", "no")
    judge(verdicts, "bob", "disagree")
    assert verdicts.of_reader("ada") == {CASE.case_key: "read"}
    assert verdicts.by_case() == {CASE.case_key: {"ada": "read", "bob": "disagree"}}
    assert [row.reader for row in verdicts.readings("ada")] == ["ada"]
    assert verdicts.verdicts("ada") == []


def test_another_target_is_another_matter(verdicts: Verdicts, database: Database, audit: Audit):
    read(verdicts)
    other = Verdicts(database, audit, "mi")
    assert not other.may_see_model(CASE.case_key, "ada", blinded=True)
    assert other.by_case() == {}
    other.reading(CASE, "ada", {"mi": "no"}, seconds=1, model=MODEL)
    assert [row.reading for row in verdicts.readings()] == [{"cd": "yes"}]


def test_an_adjudicator_settles_and_a_reader_may_not(verdicts: Verdicts):
    with pytest.raises(InputError, match="only an adjudicator"):
        verdicts.adjudicate(CASE, Account("ada", "reader"), {"cd": "yes"})
    verdicts.adjudicate(CASE, Account("cem", "adjudicator"), {"cd": "yes"})
    settled = verdicts.adjudicate(CASE, Account("dee", "admin"), {"cd": "no"}, comment="artefact")
    assert settled == verdicts.adjudicate(CASE, Account("dee", "admin"), {"cd": "no"}, comment="artefact")
    assert verdicts.adjudications() == {CASE.case_key: settled}
    assert settled.revision == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: v.reading(CASE, "ada", {"cd": "maybe"}, seconds=1, model=MODEL), "'maybe' is no answer"),
        (lambda v: v.reading(CASE, "ada", {}, seconds=1, model=MODEL), "needs an answer"),
        (lambda v: judge(v, agreement="agre", blinded=False), "'agre' is no verdict"),
        (lambda v: judge(v, comment="x" * 4001, blinded=False), "4001 characters"),
    ],
)
def test_what_cannot_be_stored_is_refused(verdicts: Verdicts, call, message: str):
    with pytest.raises(InputError, match=message):
        call(verdicts)
    assert verdicts.by_case() == {}


def test_any_text_is_kept_as_text(verdicts: Verdicts):
    for comment in (
        "<script>alert(1)</script>",
        "'; DROP TABLE verdicts; --",
        "=1+1",
        "žluťoučký 心電図 🫀",
        "a\0b\ud800c",
    ):
        stored = judge(verdicts, comment=comment, blinded=False)
        assert stored.comment == comment.replace("\0", "").replace("\ud800", "?")
        assert verdicts.verdict_of(CASE.case_key, "ada") == stored


def test_the_audit_log_names_cases_by_pseudonym_alone(verdicts: Verdicts, audit: Audit):
    read(verdicts)
    judge(verdicts, comment="Mrs Smith of ward 7")
    text = " ".join(row.details for row in audit.rows())
    assert "id:aa" in text
    assert not [name for name in ("rec/00017", "p17", "Smith") if name in text]


_WRITE = """
import sys
from pathlib import Path
from medkd.app.storage.audit_log import open_audit
from medkd.app.storage.database import open_database
from medkd.app.storage.reviews import Verdicts
from medkd.app.storage.records import CaseKey, ModelOutput
data = Path(sys.argv[1])
database = open_database(None, data)
verdicts = Verdicts(database, open_audit(database, data), "cd")
for number in range(100000):
    verdicts.reading(CaseKey(f"s{number}", "p", "id:1"), "ada", {"cd": "yes"}, seconds=1.0, model=ModelOutput("ab"))
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_killed_server(data: Path):
    server = subprocess.Popen([sys.executable, "-c", _WRITE, str(data)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    acknowledged = [int(server.stdout.readline()) for _ in range(57)]
    server.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in server.stdout.read().split()]
    server.wait()
    database = open_database(None, data)
    audit = Audit(database, (data / ".audit_key").read_bytes())
    kept = {row.case.case_key for row in Verdicts(database, audit, "cd").readings()}
    assert {f"s{number}" for number in acknowledged} <= kept
    assert audit.verify() == []
    assert json.loads((data / "audit.head").read_text())["number"] >= 57
    database.dispose()
