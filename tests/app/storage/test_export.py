from __future__ import annotations

import csv
import io

import polars as pl
import pytest

from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.export import export_csv
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Reviews

CASE = CaseKey("=rec/17", "p17", "id:aa")
MODEL = ModelOutput("ab" * 32, {"cd": 0.71, "mi": -0.5}, {"cd": True, "mi": False}, "cd; not mi", 0.4)
CLASSES = ["cd", "mi"]


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


@pytest.fixture
def written(reviews: Reviews) -> Reviews:
    for reader, comment in (("ada", '=HYPERLINK("http://evil","x")'), ("bob", 'a "quoted",\nsecond line')):
        reviews.store_reading(CASE, reader, {"cd": "yes", "mi": "unsure"}, seconds=12.5, model=MODEL)
        reviews.store_verdict(CASE, reader, "disagree", comment=comment, seconds=3.0, model=MODEL, blinded=True)
    reviews.store_reading(CaseKey("rec/18", "p18", "id:bb"), "ada", {"cd": "no", "mi": "no"}, seconds=1, model=MODEL)
    reviews.adjudicate(CASE, Account("cem", "adjudicator"), {"cd": "no", "mi": "yes"})
    return reviews


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_reader_gets_their_own_under_pseudonyms(written: Reviews, audit: AuditLog):
    exported = rows(export_csv(written, Account("ada", "reader"), CLASSES, audit))
    assert [(row["pseudonym"], row["reader"], row["reading_cd"], row["verdict"]) for row in exported] == [
        ("id:aa", "ada", "yes", "disagree"),
        ("id:bb", "ada", "no", ""),
    ]
    assert not {"sample_id", "subject_id", "adjudicated_cd"} & set(exported[0])
    assert not [cell for row in exported for cell in row.values() if "17" in cell or "p18" in cell]


def test_an_adjudicator_gets_everyones_and_what_was_settled(written: Reviews, audit: AuditLog):
    exported = rows(export_csv(written, Account("cem", "adjudicator", identifiers=True), CLASSES, audit))
    assert [(row["reader"], row["subject_id"], row["adjudicated_mi"]) for row in exported] == [
        ("ada", "p17", "yes"),
        ("bob", "p17", "yes"),
        ("ada", "p18", ""),
    ]


def test_what_a_spreadsheet_would_run_is_defused(written: Reviews, audit: AuditLog):
    exported = rows(export_csv(written, Account("cem", "admin", identifiers=True), CLASSES, audit))
    assert exported[0]["sample_id"] == "'=rec/17"
    assert exported[0]["comment"] == '\'=HYPERLINK("http://evil","x")'
    assert exported[1]["comment"] == 'a "quoted",\nsecond line'
    assert not [
        cell
        for row in exported
        for name, cell in row.items()
        if cell[:1] in ("=", "+", "@") or (cell[:1] == "-" and name != "p_cal_mi")
    ]


def test_figures_are_those_that_were_shown(written: Reviews, audit: AuditLog):
    table = pl.read_csv(io.StringIO(export_csv(written, Account("ada", "reader"), CLASSES, audit)))
    assert table.row(0, named=True) | {"comment": None} == {
        "pseudonym": "id:aa",
        "target": "cd",
        "reader": "ada",
        "reading_cd": "yes",
        "reading_mi": "unsure",
        "blinded": True,
        "reading_at": "2023-11-14T22:13:20+00:00",
        "reading_seconds": 12.5,
        "verdict": "disagree",
        "comment": None,
        "verdict_at": "2023-11-14T22:13:20+00:00",
        "verdict_seconds": 3.0,
        "verdict_revision": 1,
        "p_cal_cd": 0.71,
        "p_cal_mi": -0.5,
        "called_cd": True,
        "called_mi": False,
        "set": "cd; not mi",
        "drift": 0.4,
        "model_sha256": "ab" * 32,
    }


def test_nothing_written_gives_the_header(reviews: Reviews, audit: AuditLog):
    text = export_csv(reviews, Account("ada", "reader"), CLASSES, audit)
    assert text.startswith("pseudonym,target,reader,reading_cd")
    assert rows(text) == []


def test_an_export_is_noted(written: Reviews, audit: AuditLog):
    export_csv(written, Account("ada", "reader"), CLASSES, audit)
    last = audit.last()
    assert (last.actor, last.action, last.details) == ("ada", "export", '{"identifiers":false,"rows":2}')
