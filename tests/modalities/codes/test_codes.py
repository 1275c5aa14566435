"""Codes as indicators and as lists: what is known when, and what does not exist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medkd.data.core.view import View
from medkd.data.events.event_cohort import FromEvents
from medkd.errors import InputError
from medkd.modalities.codes import Codes
from medkd.modalities.codes.code_numbers import code_at, code_lists, halves
from medkd.modalities.codes.trees import published_tree, spelled_tree

PUBLISHED = "ICD9:428.0", "ICD9:V58.61", "ICD9:E888.9", "ICD10:I50.23", "ICD10:W19XXXA", "ICD10:C7A.00"


def events(*rows: tuple[str, float | None, str | None]) -> pl.LazyFrame:
    return pl.LazyFrame(
        list(rows), schema={"series": pl.String, "hours": pl.Float64, "variable": pl.String}, orient="row"
    )


def prepared(
    codes: Codes, rows: pl.LazyFrame, folder: Path, view: str, series: str = "a", zero_hour: float = 0.0
) -> np.ndarray:
    files, _ = codes.extract(rows, folder)
    part = View.parse(view).parts[0]
    values = codes.prepare(
        codes.select(codes.read({"codes": files[series], "series": series, "zero_hour": zero_hour}, folder), part)
    )
    assert values.shape == codes.shape(part)
    return values


def test_indicators_of_the_chapters_that_both_systems_share(tmp_path: Path):
    codes = Codes()
    assert isinstance(codes, FromEvents)
    shown = prepared(
        codes, events(("a", 90.0, "ICD9:428.0"), ("a", 90.0, "ICD10:J18.9"), ("b", 1.0, "ICD9:001")), tmp_path, "codes"
    )
    assert {name for name, value in zip(codes.groups(), shown, strict=True) if value} == {"circulatory", "respiratory"}
    assert set(shown) == {0.0, 1.0}
    named = prepared(codes, events(("a", 90.0, "ICD10:J18.9")), tmp_path, "codes[circulatory,respiratory]")
    assert named.tolist() == [0.0, 1.0]


def test_billed_codes_are_unknown_within_the_first_day_but_earlier_stays_count(tmp_path: Path):
    rows = events(("a", 90.0, "ICD9:4280"), ("a", -500.0, "ICD9:5849"))
    day = prepared(Codes(), rows, tmp_path, "codes[0:24h]")
    assert [name for name, value in zip(Codes().groups(), day, strict=True) if value] == ["genitourinary"]
    assert np.isnan(prepared(Codes(), events(("a", 90.0, "ICD9:4280")), tmp_path, "codes[0:24h]")).all()
    later = prepared(Codes(), rows, tmp_path, "codes[0:24h]", zero_hour=80.0)
    assert later.sum() == 2


def test_what_does_not_exist_is_set_aside_and_counted(tmp_path: Path):
    rows = events(
        ("a", 1.0, "ICD9:none"),
        ("a", 1.0, "LOINC:1"),
        ("a", 1.0, None),
        ("a", None, "ICD9:4280"),
        ("a", 1.0, "icd10: i50.9 "),
    )
    files, aside = Codes().extract(rows, tmp_path)
    assert {(flaw.reason, flaw.count) for flaw in aside} == {("codes: no such code", 3), ("codes: no time", 1)}
    assert Codes().read({"codes": files["a"], "series": "a"}, tmp_path).variables == ("ICD10:I509",)
    with pytest.raises(InputError, match="no group 'heart'"):
        Codes().shape(View.parse("codes[heart]").parts[0])
    with pytest.raises(InputError, match="form sets"):
        Codes(form="sets")  # type: ignore[arg-type]


def test_groups_of_ccs_mean_the_same_in_both_systems(shared: Path, tmp_path: Path):
    codes = Codes(ccs=str(shared / "data/icu/ontologies"))
    assert len(codes.groups()) == 283
    assert codes.group_of("ICD9:428.0") == codes.group_of("ICD10:I50.9") != codes.group_of("ICD10:J18.9")
    # Well spelt, but never published.
    assert codes.group_of("ICD9:428.99") is None
    assert Codes().group_of("ICD9:428.99") == "circulatory"
    rows = events(("a", 1.0, "ICD9:4280"), ("a", 1.0, "ICD9:42899"))
    _, aside = codes.extract(rows, tmp_path)
    assert [(flaw.reason, flaw.count) for flaw in aside] == [("codes: no such code", 1)]


def test_every_code_of_the_demo_has_a_group(shared: Path):
    file = shared / "data/icu/mimic-iv-clinical-database-demo-2.2/hosp/diagnoses_icd.csv.gz"
    table = pl.read_csv(file, infer_schema=False).unique(["icd_code", "icd_version"])
    given = [f"ICD{version}:{code.strip()}" for code, version in table.select("icd_code", "icd_version").iter_rows()]
    groups = Codes(ccs=str(shared / "data/icu/ontologies"))
    assert len(given) > 1000
    assert all(Codes().group_of(code) and groups.group_of(code) for code in given)


def test_chapters_by_spelling_are_those_of_the_published_trees(shared: Path):
    tree = published_tree(shared / "data/icu/ontologies")
    spelt = spelled_tree(tree.codes)
    chapters: dict[str, set[str]] = {}
    for code in tree.codes:
        if " " not in code and code != "root":
            above = tree.path(code)[-1] if "chapter" in tree.path(code)[-1] else tree.path(code)[-2]
            chapters.setdefault(above, set()).add(spelt.path(code)[-1])
    assert len(chapters) == 19 + 22
    assert all(len(found) == 1 for found in chapters.values())


def test_a_tree_of_neither_system_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no tree of ICD codes"):
        published_tree(tmp_path)


def test_lists_hold_the_codes_themselves(tmp_path: Path):
    codes = Codes(form="list", length=8)
    values = prepared(codes, events(*(("a", 50.0, code) for code in PUBLISHED)), tmp_path, "codes")
    (found,) = code_lists(values[None], ~np.isnan(values[None]))
    assert found == sorted(code.replace(".", "") for code in PUBLISHED)
    assert np.isnan(values[:, len(PUBLISHED) :]).all()
    short = prepared(
        Codes(form="list", length=2), events(*(("a", 50.0, code) for code in PUBLISHED)), tmp_path, "codes[circulatory]"
    )
    assert code_lists(short[None], ~np.isnan(short[None])) == [["ICD10:I5023", "ICD9:4280"]]


@given(st.sampled_from((9, 10)), st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=7))
def test_numbers_of_codes_survive_float32(system: int, bare: str):
    code = f"ICD{system}:{bare}"
    upper, lower = np.array(halves(code), np.float32)
    assert code_at(int(upper), int(lower)) == code


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(24.0, 1e4), st.sampled_from(PUBLISHED)), max_size=5))
def test_codes_after_the_prediction_never_reach_the_features(tmp_path: Path, future: list[tuple[float, str]]):
    past = [("a", -700.0, "ICD9:5849"), ("a", 3.0, "ICD10:J189")]
    for form in ("groups", "list"):
        codes = Codes(form=form)  # type: ignore[arg-type]
        now = prepared(codes, events(*past), tmp_path, "codes[0:24h]")
        then = prepared(codes, events(*past, *(("a", hour, code) for hour, code in future)), tmp_path, "codes[0:24h]")
        np.testing.assert_array_equal(now, then)
