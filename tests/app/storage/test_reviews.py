from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database, open_database
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Reviews
from medkd.errors import InputError

CASE, OTHER = CaseKey("rec/00017", "p17", "id:aa"), CaseKey("rec/00018", "p18", "id:bb")
MODEL = ModelOutput("ab" * 32, {"cd": 0.71}, {"cd": True}, "cd", 0.4)


def read(reviews: Reviews, reader: str = "ada", answer: str = "yes", case: CaseKey = CASE):
    return reviews.store_reading(case, reader, {"cd": answer}, seconds=12.5, model=MODEL)


def judge(reviews: Reviews, reader: str = "ada", agreement: str = "agree", comment: str = "", *, blinded: bool = True):
    return reviews.store_verdict(CASE, reader, agreement, comment=comment, seconds=3.0, model=MODEL, blinded=blinded)


def test_the_model_is_shown_after_the_readers_own_reading(reviews: Reviews):
    assert not reviews.may_see_model(CASE.case_key, "ada", blinded=True)
    assert reviews.may_see_model(CASE.case_key, "ada", blinded=False)
    read(reviews)
    assert reviews.may_see_model(CASE.case_key, "ada", blinded=True)
    assert not reviews.may_see_model(CASE.case_key, "bob", blinded=True)
    assert not reviews.may_see_model(OTHER.case_key, "ada", blinded=True)


def test_a_reading_is_kept_as_it_was_given(reviews: Reviews, clock):
    stored = read(reviews)
    assert stored == reviews.reading_of(CASE.case_key, "ada")
    assert (stored.reading, stored.blinded, stored.seconds, stored.model, stored.at) == (
        {"cd": "yes"},
        True,
        12.5,
        MODEL,
        clock(),
    )
    assert stored.case == CASE


def test_a_reading_cannot_be_changed(reviews: Reviews):
    first = read(reviews)
    assert read(reviews) == first
    with pytest.raises(InputError, match="cannot be changed"):
        read(reviews, answer="no")
    assert reviews.readings() == [first]


def test_a_reading_after_the_model_was_shown_is_not_blinded(reviews: Reviews):
    """A server that was started open, then blinded."""
    reviews.mark_shown(CASE, "ada")
    reviews.mark_shown(CASE, "ada")
    assert read(reviews).blinded is False
    assert read(reviews, "bob").blinded is True


def test_no_verdict_before_the_reading_in_blinded_mode(reviews: Reviews):
    with pytest.raises(InputError, match="own reading first"):
        judge(reviews)
    assert reviews.verdicts() == []
    read(reviews)
    assert judge(reviews).revision == 1


def test_open_cases_need_no_reading(reviews: Reviews):
    assert judge(reviews, blinded=False).agreement == "agree"


def test_a_changed_verdict_is_a_revision_and_the_newest_counts(reviews: Reviews, database: Database):
    read(reviews)
    judge(reviews)
    changed = judge(reviews, agreement="disagree", comment="ST elevation in V1")
    assert changed.revision == 2
    assert reviews.verdicts() == [changed]
    assert reviews.verdict_of(CASE.case_key, "ada") == changed
    assert reviews.progress_of("ada") == {CASE.case_key: "disagree"}
    back = judge(reviews)
    assert (back.revision, reviews.verdicts()) == (3, [back])


def test_a_double_click_is_one_verdict(reviews: Reviews, audit: AuditLog):
    read(reviews)
    assert judge(reviews, comment="x") == judge(reviews, comment=" x ")
    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(lambda _: judge(reviews, agreement="unsure").revision, range(16)))
    assert outcomes == {2}
    assert [row.action for row in audit.rows()] == ["reading", "verdict", "verdict"]


def test_many_readers_at_once_on_one_case_are_all_kept(reviews: Reviews, audit: AuditLog):
    names = [f"reader{number}" for number in range(16)]

    def work(name: str) -> None:
        read(reviews, name, "yes" if name.endswith("1") else "no")
        judge(reviews, name, "disagree", comment=name)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, names))
    assert {row.reader: row.reading["cd"] for row in reviews.readings()} == {
        name: "yes" if name.endswith("1") else "no" for name in names
    }
    assert sorted(row.comment for row in reviews.verdicts()) == sorted(names)
    assert audit.verify() == []
    assert len(list(audit.rows())) == 32


def test_reviews_of_readers_are_separate(reviews: Reviews):
    read(reviews)
    read(reviews, "bob", "no")
    judge(reviews, "bob", "disagree")
    assert reviews.progress_of("ada") == {CASE.case_key: "read"}
    assert reviews.progress_by_case() == {CASE.case_key: {"ada": "read", "bob": "disagree"}}
    assert [row.reader for row in reviews.readings("ada")] == ["ada"]
    assert reviews.verdicts("ada") == []


def test_another_target_is_another_matter(reviews: Reviews, database: Database, audit: AuditLog):
    read(reviews)
    other = Reviews(database, audit, "mi")
    assert not other.may_see_model(CASE.case_key, "ada", blinded=True)
    assert other.progress_by_case() == {}
    other.store_reading(CASE, "ada", {"mi": "no"}, seconds=1, model=MODEL)
    assert [row.reading for row in reviews.readings()] == [{"cd": "yes"}]


def test_an_adjudicator_settles_and_a_reader_may_not(reviews: Reviews):
    with pytest.raises(InputError, match="only an adjudicator"):
        reviews.adjudicate(CASE, Account("ada", "reader"), {"cd": "yes"})
    reviews.adjudicate(CASE, Account("cem", "adjudicator"), {"cd": "yes"})
    settled = reviews.adjudicate(CASE, Account("dee", "admin"), {"cd": "no"}, comment="artefact")
    assert settled == reviews.adjudicate(CASE, Account("dee", "admin"), {"cd": "no"}, comment="artefact")
    assert reviews.adjudications() == {CASE.case_key: settled}
    assert settled.revision == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: v.store_reading(CASE, "ada", {"cd": "maybe"}, seconds=1, model=MODEL), "'maybe' is not an answer"),
        (lambda v: v.store_reading(CASE, "ada", {}, seconds=1, model=MODEL), "needs an answer"),
        (lambda v: judge(v, agreement="agre", blinded=False), "'agre' is not a verdict"),
        (lambda v: judge(v, comment="x" * 4001, blinded=False), "4001 characters"),
    ],
)
def test_what_cannot_be_stored_is_refused(reviews: Reviews, call, message: str):
    with pytest.raises(InputError, match=message):
        call(reviews)
    assert reviews.progress_by_case() == {}


def test_any_text_is_kept_as_text(reviews: Reviews):
    for comment in (
        "<script>alert(1)</script>",
        "'; DROP TABLE verdicts; --",
        "=1+1",
        "žluťoučký 心電図 🫀",
        "a\0b\ud800c",
    ):
        stored = judge(reviews, comment=comment, blinded=False)
        assert stored.comment == comment.replace("\0", "").replace("\ud800", "?")
        assert reviews.verdict_of(CASE.case_key, "ada") == stored


def test_the_audit_log_names_cases_by_pseudonym_alone(reviews: Reviews, audit: AuditLog):
    read(reviews)
    judge(reviews, comment="Mrs Smith of ward 7")
    text = " ".join(row.details for row in audit.rows())
    assert "id:aa" in text
    assert not [name for name in ("rec/00017", "p17", "Smith") if name in text]


_WRITE = """
import sys
from pathlib import Path
from medkd.app.storage.audit_log import open_audit_log
from medkd.app.storage.database import open_database
from medkd.app.storage.reviews import Reviews
from medkd.app.storage.records import CaseKey, ModelOutput
data = Path(sys.argv[1])
database = open_database(None, data)
reviews = Reviews(database, open_audit_log(database, data), "cd")
for number in range(100000):
    case = CaseKey(f"s{number}", "p", "id:1")
    reviews.store_reading(case, "ada", {"cd": "yes"}, seconds=1.0, model=ModelOutput("ab"))
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
    audit = AuditLog(database, (data / ".audit_key").read_bytes())
    stored_keys = {row.case.case_key for row in Reviews(database, audit, "cd").readings()}
    assert {f"s{number}" for number in acknowledged} <= stored_keys
    assert audit.verify() == []
    assert json.loads((data / "audit.head").read_text())["number"] >= 57
    database.dispose()
