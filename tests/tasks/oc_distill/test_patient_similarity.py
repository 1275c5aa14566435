"""Patient similarity equals the loop over pairs that its formula is, and keeps what it promises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medkd.tasks.oc_distill.patient_similarity as module
from medkd.errors import InputError
from medkd.modalities.codes.icd9 import read_icd9
from medkd.modalities.codes.ontology import Ontology
from medkd.tasks.oc_distill.patient_similarity import patient_similarity, write_patient_similarity

Patients = Sequence[Sequence[str]]


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[Ontology, Patients]:
    """A random tree whose nodes are numbered.

    And patients whose codes may lie beyond it, stand twice or be the root.
    """
    count = draw(st.integers(1, 15))
    tree = Ontology.grow([(str(i), str(draw(st.integers(0, i - 1))) if i else None, "") for i in range(count)])
    code = st.integers(0, count + 2).map(str)
    return tree, draw(st.lists(st.lists(code, max_size=5), min_size=1, max_size=7))


def similarity(tree: Ontology, patients: Patients, method: str = "ontology") -> np.ndarray:
    codes = tree.lookup(code for held in patients for code in held)
    return patient_similarity(
        codes, np.concatenate([[0], np.cumsum([len(held) for held in patients])]), tree.paths, method
    )


def naive(tree: Ontology, patients: Patients, method: str) -> np.ndarray:
    known = [[code for code in held if tree.path(code)] for held in patients]

    def match(a: str, b: str) -> float:
        p, q = set(tree.path(a)), set(tree.path(b))
        return len(p & q) / len(p | q)

    def pair(first: list[str], second: list[str]) -> float:
        if not first or not second:
            return 0.0
        if method == "flat":
            return len(set(first) & set(second)) / len(set(first) | set(second))
        there = [max(match(a, b) for b in second) for a in first]
        back = [max(match(a, b) for a in first) for b in second]
        return 0.5 * (sum(there) / len(there) + sum(back) / len(back))

    return np.array([[pair(first, second) for second in known] for first in known])


@settings(max_examples=60, deadline=None)
@given(cohorts(), st.sampled_from(["ontology", "flat"]), st.sampled_from([1, 200, 1 << 25]))
def test_equals_the_loop_over_pairs(cohort: tuple[Ontology, Patients], method: str, block: int):
    tree, patients = cohort
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block)
        np.testing.assert_allclose(
            similarity(tree, patients, method), naive(tree, patients, method), rtol=0, atol=1e-12
        )


@settings(max_examples=40, deadline=None)
@given(cohorts(), st.sampled_from(["ontology", "flat"]))
def test_is_symmetric_within_bounds_and_one_with_itself(cohort: tuple[Ontology, Patients], method: str):
    tree, patients = cohort
    found = similarity(tree, patients, method)
    assert (found == found.T).all()
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()
    says = np.array([any(tree.path(code) for code in held) for held in patients])
    np.testing.assert_allclose(np.diag(found), says.astype(float), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(cohorts(), st.lists(st.sampled_from(["?", "NODX", "", "99999"]), min_size=1, max_size=3))
def test_unknown_codes_do_not_count(cohort: tuple[Ontology, Patients], unknown: list[str]):
    tree, patients = cohort
    more = [[*unknown, *held] for held in patients]
    np.testing.assert_array_equal(similarity(tree, more), similarity(tree, patients))


def test_two_patients_with_the_same_unknown_code_are_not_alike():
    tree = Ontology.grow([("root", None, ""), ("001", "root", "")])
    assert similarity(tree, [["UNKNOWN"], ["UNKNOWN"], ["001"]]).tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_nearer_codes_are_more_alike(shared: Path):
    tree = read_icd9(shared / "data/icu/ontologies/icd-9-hierarchy.json.gz")
    patients = [["410.01"], ["410.11"], ["414.0"], ["V90.9"]]
    first = similarity(tree, patients)[0]
    assert first[0] == 1 > first[1] > first[2] > first[3] == 0
    assert similarity(tree, patients, "flat")[0].tolist() == [1, 0, 0, 0]


def test_is_written_whole_and_read_in_place(tmp_path: Path):
    tree = Ontology.grow([("root", None, ""), ("1", "root", ""), ("10", "1", ""), ("11", "1", "")])
    patients = [["10"], ["1.1", "10"], [], ["?"]]
    write_patient_similarity(tmp_path / "similarity.npy", patients, tree)
    held = np.load(tmp_path / "similarity.npy", mmap_mode="r", allow_pickle=False)
    assert held.dtype == np.float32
    np.testing.assert_allclose(held, similarity(tree, patients), atol=1e-7)
    assert [path.name for path in tmp_path.iterdir()] == ["similarity.npy"]
    with pytest.raises(InputError, match="no method 'tree'"):
        write_patient_similarity(tmp_path / "other.npy", patients, tree, "tree")
    assert [path.name for path in tmp_path.iterdir()] == ["similarity.npy"]


def test_more_patients_than_a_tile(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    tree = Ontology.grow([(str(i), str(rng.integers(i)) if i else None, "") for i in range(40)])
    patients = [[str(code) for code in rng.integers(0, 42, rng.integers(0, 6))] for _ in range(1100)]
    found = similarity(tree, patients)
    some = rng.integers(0, 1100, 30)
    np.testing.assert_allclose(
        found[np.ix_(some, some)], naive(tree, [patients[i] for i in some], "ontology"), atol=1e-12
    )
