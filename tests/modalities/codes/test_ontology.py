"""Trees of codes, as published and as they should not be."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.errors import InputError
from medkd.modalities.codes import Ontology
from medkd.modalities.codes.ccs import read_ccs, read_ccs_tree
from medkd.modalities.codes.gem import read_gem, translated
from medkd.modalities.codes.icd9 import read_icd9
from medkd.modalities.codes.icd10 import read_icd10

READERS = (read_icd9, read_icd10, read_ccs, read_ccs_tree, read_gem)


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "data" / "icu" / "ontologies"


@pytest.fixture(scope="module")
def icd9(folder: Path) -> Ontology:
    return read_icd9(folder / "icd-9-hierarchy.json.gz")


def demo_codes(shared: Path) -> list[str]:
    path = shared / "data/icu/mimic-iii-clinical-database-demo-1.4/DIAGNOSES_ICD.csv.gz"
    return pl.read_csv(path, schema_overrides={"icd9_code": pl.String})["icd9_code"].drop_nulls().to_list()


def test_icd9_knows_every_published_code_and_every_one_of_the_demo(icd9: Ontology, folder: Path, shared: Path):
    titles = gzip.decompress((folder / "CMS32_DESC_LONG_DX.txt.gz").read_bytes()).decode("latin-1")
    published = [line.split()[0] for line in titles.splitlines()]
    assert len(published) == 14567
    assert (icd9.lookup(published) >= 0).all()
    assert (icd9.lookup(demo_codes(shared)) >= 0).all()


def test_icd9_paths_follow_the_digits(icd9: Ontology):
    blocks = ("block Other Bacterial Diseases", "chapter Infectious And Parasitic Diseases")
    assert icd9.path("041.42") == ("04142", "0414", "041", *blocks)
    assert icd9.path("462")[0] == "462"
    assert icd9.path("E812.0")[:2] == ("E8120", "E812")
    assert icd9.path("585")[0] == "585"


def test_icd10_adds_the_seventh_character(folder: Path):
    tree = read_icd10(folder / "icd10cm-tabular-April-1-2026.xml.gz")
    assert tree.path("S72.001A")[:5] == ("S72001A", "S72001", "S7200", "S720", "S72")
    assert tree.path("W11.XXXA")[:2] == ("W11XXXA", "W11")
    assert tree.path("B20") == ("B20", "block B20", "chapter 1")
    # Of the 72,446 codes of 2018, 542 have been split or withdrawn since.
    older = read_ccs(folder / "ccs_dx_icd10cm_2019_1.csv.gz")["code"].to_list()
    assert (len(older), int((tree.lookup(older) < 0).sum())) == (72446, 542)


def test_unknown_is_not_the_root_nor_the_last_node(icd9: Ontology):
    wrong = ["", "9999999", "root", icd9.codes[icd9.root], "chapter Infectious And Parasitic Diseases", "NODX"]
    assert icd9.lookup(wrong).tolist() == [-1] * len(wrong)
    assert [icd9.path(code) for code in wrong] == [()] * len(wrong)


def test_ccs(folder: Path):
    single = read_ccs(folder / "ccs_single_dx_tool_2015.csv.gz")
    assert single.columns == ["code", "group", "title"]
    assert single.filter(pl.col("code") == "28732").row(0) == ("28732", "62", "Coag/hemr dx")
    assert single["group"].n_unique() == 283
    tree = read_ccs_tree(folder / "ccs_multi_dx_tool_2015.csv.gz")
    assert tree.path("7510") == ("7510", "group 14.2.5", "group 14.2", "group 14")
    assert tree.titles[tree.codes.index("group 14.2.5")] == "Meckel's diverticulum"
    assert read_ccs_tree(folder / "ccs_dx_icd10cm_2019_1.csv.gz").path("A15.0") == ("A150", "group 1.1", "group 1")
    assert len(read_ccs(folder / "ccs_single_pr_tool_2015.csv.gz")) == 3948
    assert read_ccs_tree(folder / "ccs_multi_pr_tool_2015.csv.gz").path("99.99")[-1] == "group 16"


def test_mappings_lead_to_codes_of_the_tree(folder: Path, icd9: Ontology):
    forth = read_gem(folder / "icd9toicd10cmgem.csv.gz")
    assert (len(forth), forth["target"].null_count()) == (23912, 425)
    back = read_gem(folder / "icd10cmtoicd9gem.csv.gz")
    assert (icd9.lookup(back["target"].drop_nulls()) >= 0).all()
    assert translated(["A00.0", "nothing"], back) == [("0010",), ()]


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize(
    "held", [None, b"", b"not a tree", b'{"tree": {"children": [{}]}}', b"<xml/>", b"'a','b'\n'c'", b"\xff\xfe", "cut"]
)
def test_what_is_no_such_file_ends_in_one_line(
    read: Callable[[Path], object], held: bytes | str | None, tmp_path: Path
):
    path = tmp_path / "file.gz"
    if held is not None:
        path.write_bytes(gzip.compress(b"x" * 10_000)[:20] if held == "cut" else held)
    with pytest.raises(InputError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "match"),
    [
        ([("r", None, ""), ("a", "r", ""), ("a", "r", "")], "'a' stands twice"),
        ([("r", None, ""), ("a", "b", "")], "'a' belongs to 'b'"),
        ([("r", None, ""), ("s", None, "")], "2 roots"),
        ([], "0 roots"),
        ([("r", None, ""), ("a", "b", ""), ("b", "a", "")], "above itself"),
    ],
)
def test_what_is_no_tree_is_refused(nodes: list[tuple[str, str | None, str]], match: str):
    with pytest.raises(InputError, match=match):
        Ontology.grow(nodes, where="here")


def test_paths_hold_the_node_and_all_above_but_the_root(icd9: Ontology, shared: Path):
    for code in demo_codes(shared)[:50]:
        (index,) = icd9.lookup([code])
        (nodes,) = icd9.paths[[index]].nonzero()[1:]
        assert {icd9.codes[node] for node in nodes} == set(icd9.path(code))
    assert icd9.paths[[icd9.root]].nnz == 0
    assert np.unique(icd9.paths.data).tolist() == [1.0]
