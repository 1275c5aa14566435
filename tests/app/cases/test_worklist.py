"""Work list: search, filter, order and pages; a blinded reader learns nothing of the model from them."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from medkd.app.cases.cases import Cases
from medkd.app.cases.worklist import SORTS, STATUSES, Worklist
from medkd.data.core.target import Target
from medkd.errors import InputError

TARGET = Target("cd", "binary", ("cd",))


def cases_of(rows: int, **columns: Any) -> Cases:
    """A table as ``open_cases`` makes it; every tenth case was set aside."""
    rng = np.random.default_rng(0)
    is_scored = np.arange(rows) % 10 != 9
    score = [float(value) if here else None for value, here in zip(rng.random(rows), is_scored, strict=True)]
    table = pl.DataFrame(
        {
            "case": np.arange(1, rows + 1),
            "pseudonym": [f"id:{index:010x}" for index in range(rows)],
            "sample_id": [f"ward.{index:05d}" for index in range(rows)],
            "subject_id": [f"Müller {index // 2}" for index in range(rows)],
            "status": np.where(is_scored, "ok", "set aside").tolist(),
            "reason": [None if here else "flat" for here in is_scored],
            "p_cd": score,
            "p_cal_cd": score,
            "set": [
                "abstains" if value is not None and 0.4 < value < 0.6 else None if value is None else "cd"
                for value in score
            ],
            "drift": [None if value is None else 2 * value**2 for value in score],
            "uncertainty": [None if value is None else 1 - abs(value - 0.5) * 2 for value in score],
            "teacher_cd": [None if value is None else value / 2 for value in score],
            "student_oof_cd": score,
            **columns,
        }
    )
    bundle: Any = SimpleNamespace(target=TARGET)
    source: Any = None
    names: Any = None
    return Cases(bundle, table, source, names, "", lambda: table)


@pytest.fixture(scope="module")
def cases() -> Cases:
    return cases_of(200)


VERDICTS = {
    "ward.00003": {"ada": "disagree", "bo": "agree"},
    "ward.00005": {"ada": "read"},
    "ward.00007": {"bo": "disagree"},
}


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [row["case"] for row in rows]


def test_pages_cover_the_list_once_in_order(cases: Cases) -> None:
    listed = Worklist(cases, {})
    pages = [listed.page(page=page, size=30) for page in range(1, 8)]
    assert [total for _, total in pages] == [200] * 7
    assert [case for rows, _ in pages for case in numbers(rows)] == list(range(1, 201))
    # A page past the end, after a filter was narrowed, is the last one.
    assert numbers(listed.page(page=99, size=30)[0]) == list(range(181, 201))
    assert numbers(listed.page(page=0, size=3)[0]) == [1, 2, 3]


@pytest.mark.parametrize("sort", [sort for sort in (*SORTS, "p_cal_cd") if sort != "case"])
def test_the_greatest_comes_first_and_what_has_no_score_last(cases: Cases, sort: str) -> None:
    rows, _ = Worklist(cases, VERDICTS).page(sort=sort, size=200, reader="ada")
    values = [row[sort] for row in rows]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=True)
    assert values[: len(known)] == known
    assert len(set(known)) > 100


def test_a_disagreeing_verdict_comes_before_any_distance_of_teacher_and_student(cases: Cases) -> None:
    rows, _ = Worklist(cases, VERDICTS).page(sort="disagreement", size=200, reader="ada")
    assert rows[0]["case"] == 4
    assert rows[0]["disagreement"] == pytest.approx(1 + abs(rows[0]["teacher_cd"] - rows[0]["student_oof_cd"]))
    assert all(
        row["disagreement"] == pytest.approx(row["p_cal_cd"] / 2) for row in rows[1:150] if row["p_cal_cd"] is not None
    )


def test_each_status_finds_its_cases(cases: Cases) -> None:
    listed = Worklist(cases, VERDICTS)
    matches = {status: numbers(listed.page(status=status, size=200, reader="ada")[0]) for status in STATUSES}
    table = cases.table
    assert matches["all"] == list(range(1, 201))
    assert matches["read by me"] == [4, 6]
    assert matches["disagree"] == [4]
    assert matches["set aside"] == list(range(10, 201, 10))
    assert matches["unread"] == [case for case in range(1, 201) if case % 10 and case not in (4, 6)]
    assert matches["abstains"] == table.filter(pl.col("p_cal_cd").is_between(0.4, 0.6))["case"].to_list()
    assert matches["drifted"] == table.filter(pl.col("drift") > 1)["case"].to_list()


def test_of_several_classes_one_that_abstains_is_enough_and_a_class_of_that_name_is_not() -> None:
    sets = ["a: abstains; b: b", "a: a; b: abstains", "a: not abstains", None, "abstains"]
    listed = Worklist(cases_of(5, set=sets), {})
    assert numbers(listed.page(status="abstains")[0]) == [1, 2, 5]


def test_a_reader_sees_their_own_verdicts_and_an_adjudicator_everyones(cases: Cases) -> None:
    listed = Worklist(cases, VERDICTS)
    mine = {row["case"]: row for row in listed.page(size=200, reader="bo")[0]}
    assert [(mine[case]["mine"], mine[case]["readers"], mine[case]["disagreeing"]) for case in (4, 6, 8)] == [
        ("agree", 1, 0),
        ("", 0, 0),
        ("disagree", 1, 1),
    ]
    every = {row["case"]: row for row in listed.page(size=200, reader="bo", everyone=True)[0]}
    assert [(every[case]["mine"], every[case]["readers"], every[case]["disagreeing"]) for case in (4, 6, 8)] == [
        ("agree", 2, 1),
        ("", 1, 0),
        ("disagree", 1, 1),
    ]
    assert numbers(listed.page(status="disagree", reader="bo", everyone=True)[0]) == [4, 8]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("17", [17]),
        ("#17", [17]),
        (" ID:000000000A ", [11]),
        ("ward.00003", []),
        ("Müller", []),
        (".*", []),
        ("%", []),
        ("' OR 1=1 --", []),
        ("(", []),
        ("\\", []),
    ],
)
def test_a_search_is_literal_and_knows_no_identifiers(cases: Cases, search: str, expected: list[int]) -> None:
    rows, total = Worklist(cases, {}).page(search=search)
    assert (numbers(rows), total) == (expected, len(expected))
    assert all(row["sample_id"] is None and row["subject_id"] is None for row in rows)


@pytest.mark.parametrize(
    ("search", "expected"),
    [("ward.00003", [4]), ("müller 8", [17, 18, *range(161, 181)]), ("ward.", list(range(1, 201)))],
)
def test_who_may_see_identifiers_may_search_them(cases: Cases, search: str, expected: list[int]) -> None:
    rows, _ = Worklist(cases, {}).page(search=search, size=200, identifiers=True)
    assert numbers(rows) == expected
    assert rows[0]["sample_id"].startswith("ward.")


def test_to_a_blinded_reader_unread_cases_say_nothing_of_the_model(cases: Cases) -> None:
    listed = Worklist(cases, VERDICTS, blinded=True)
    model = ["p_cd", "p_cal_cd", "set", "uncertainty", "teacher_cd", "student_oof_cd"]
    for row in listed.page(size=200, reader="ada")[0]:
        read = row["case"] in (4, 6)
        assert [row[name] is not None for name in model] == [read] * len(model)
    for sort in ("uncertainty", "disagreement", "p_cal_cd"):
        order = numbers(listed.page(sort=sort, size=200, reader="ada")[0])
        assert set(order[:2]) == {4, 6}
        assert order[2:] == sorted(order[2:]), "where nothing may be known the number decides"
    assert set(numbers(listed.page(status="abstains", size=200, reader="ada")[0])) <= {4, 6}


def test_the_order_is_that_of_the_pages(cases: Cases) -> None:
    listed = Worklist(cases, VERDICTS)
    query: dict[str, Any] = {"sort": "drift", "status": "unread", "reader": "ada"}
    assert listed.order(**query) == numbers(listed.page(size=200, **query)[0])


def test_unknown_statuses_and_orders_name_the_nearest(cases: Cases) -> None:
    with pytest.raises(InputError, match="unread"):
        Worklist(cases, {}).page(status="unred")
    with pytest.raises(InputError, match="uncertainty"):
        Worklist(cases, {}).page(sort="uncertain")


def test_a_page_of_ten_thousand_cases_takes_less_than_a_twentieth_of_a_second() -> None:
    many = cases_of(10_000)
    progress = {f"ward.{index:05d}": {"ada": "agree", "bo": "disagree"} for index in range(0, 10_000, 3)}
    listed = Worklist(many, progress, blinded=True)
    queries: list[dict[str, Any]] = [
        {"search": "id:00"},
        {"status": "unread"},
        {"sort": "uncertainty"},
        {"search": "7", "sort": "disagreement"},
    ]
    listed.page()
    for query in queries:
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            listed.page(**query, reader="ada", identifiers=True)
            seconds.append(time.perf_counter() - start)
        assert min(seconds) < 0.05
