"""Similarity of patients by their codes, and by what these codes belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from medkd.data.io.atomic import writing
from medkd.errors import InputError
from medkd.modalities.codes.ontology import Indices, Ontology

Matrix = NDArray[Any]
METHODS = ("ontology", "flat")
BLOCK_BYTES = 1 << 25
"""Bytes of the largest array of a block, so that it stays near the processor whatever the number of patients."""


def write_patient_similarity(
    path: Path, patients: Sequence[Sequence[str]], ontology: Ontology, method: str = "ontology"
) -> None:
    """The similarity of every two patients as a NumPy file of float32, "patient patient", to be opened memory-mapped.

    Memory does not grow with the square of the patients; the file does.

    Args:
        path: of the file; it appears when it is whole.
        patients: codes of each, however punctuated. Those that the tree does not hold are left out.
        ontology: the tree.
        method: as for ``patient_similarity``.

    Raises:
        InputError: there is no such method.
    """
    codes = ontology.lookup(code for listed in patients for code in listed)
    offsets = np.concatenate([[0], np.cumsum([len(listed) for listed in patients])]).astype(np.int64)
    with writing(path) as temporary:
        # The array must be written out before the file takes its name.
        rows = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=(len(patients), len(patients)))
        patient_similarity(codes, offsets, ontology.paths, method, out=rows)
        rows.flush()


def patient_similarity(
    codes: Indices, offsets: Indices, paths: csr_array, method: str = "ontology", out: Matrix | None = None
) -> Matrix:
    """Similarity of every two patients, 0 to 1: the best match of each code among the other's, averaged both ways.

    s(a, b) is the Jaccard index of P(a) and P(b), P the nodes on a code's path to the root, without it. Of two patients
    A and B the similarity is ½ (mean over a in A of max over b in B of s(a, b) + the same with A and B exchanged); a
    code listed twice counts twice.

    A code that the tree does not hold, or that is its root, is left out, and a patient without any other has the
    similarity 0 to all. In the release it is like itself, so that two patients who share a
    placeholder are alike, and is a failed match for all others. A patient with codes has the similarity 1 to itself, 0
    in the release: there a batch that holds a patient twice pushes it from itself.

    Args:
        codes: of all patients, one after the other, "code": rows of ``paths``; negative where unknown.
        offsets: patient i owns ``codes[offsets[i]:offsets[i + 1]]``, "patient+1".
        paths: which nodes are on each code's path, "node node" (``Ontology.paths``).
        method: "ontology", or "flat": the Jaccard index of the two sets of codes, which knows no tree.
        out: where to write it, "patient patient", of any float type, memory-mapped or not; it is computed in this type.

    Returns:
        ``out``, or a new float64 array.

    Raises:
        InputError: there is no such method.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878, patient similarity.

    >>> tree = Ontology.grow([("r", None, ""), ("1", "r", ""), ("10", "1", ""), ("11", "1", "")])
    >>> patient_similarity(tree.lookup(["10", "11", "X"]), np.array([0, 1, 2, 3]), tree.paths).round(2).tolist()
    [[1.0, 0.33, 0.0], [0.33, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    counted = np.diff(paths.indptr)[codes] > 0 if len(codes) else np.zeros(0, dtype=bool)
    counted &= codes >= 0
    return best_match_similarity(codes[counted], np.concatenate([[0], np.cumsum(counted)])[offsets], paths, method, out)


def best_match_similarity(
    codes: Indices, offsets: Indices, paths: csr_array, method: str, out: Matrix | None = None
) -> Matrix:
    """The similarity of patients whose codes are all rows of ``paths``; arguments as for ``patient_similarity``."""
    if method not in METHODS:
        raise InputError(
            f"no method '{method}'", where="patient_similarity", remedy=f"Choose from: {', '.join(METHODS)}"
        )
    patients = len(offsets) - 1
    similarity = np.empty((patients, patients)) if out is None else out
    named, index = np.unique(codes, return_inverse=True)
    weights = csr_array((np.ones(len(codes)), index, offsets), shape=(patients, len(named)), copy=True)
    weights.sum_duplicates()
    if method == "flat":
        weights.data[:] = 1
        for start, stop in _blocks(np.arange(patients + 1), patients * similarity.itemsize):
            similarity[start:stop] = _jaccard(weights[start:stop], weights, similarity.dtype)
        return similarity
    counts = np.maximum(np.diff(offsets), 1)
    means = csr_array(weights / counts[:, None]).astype(similarity.dtype)
    for start, stop in _blocks(offsets + np.arange(patients + 1), len(named) * similarity.itemsize):
        best = _best(index[offsets[start] : offsets[stop]], offsets[start : stop + 1], paths[named], similarity.dtype)
        similarity[start:stop] = (means @ np.ascontiguousarray(best.T)).T
    _symmetrise(similarity)
    return similarity


def _best(index: Indices, offsets: Indices, paths: csr_array, dtype: np.dtype[Any]) -> Matrix:
    """How near each code's best match among a patient's codes is, "patient code"; 0 where the patient has none."""
    best = np.zeros((len(offsets) - 1, paths.shape[0]), dtype=dtype)
    present, rows = np.unique(index, return_inverse=True)
    near = _jaccard(paths[present], paths, dtype)
    filled = np.diff(offsets) > 0
    if filled.any():
        best[filled] = np.maximum.reduceat(near[rows], offsets[:-1][filled] - offsets[0], axis=0)
    return best


def _jaccard(rows: csr_array, columns: csr_array, dtype: np.dtype[Any]) -> Matrix:
    """The Jaccard index of every two rows of indicators, dense; 0 of two empty ones."""
    shared = (rows @ columns.T).tocoo()
    union = np.diff(rows.indptr)[shared.row] + np.diff(columns.indptr)[shared.col] - shared.data
    filled: Matrix = coo_array(((shared.data / union).astype(dtype), shared.coords), shape=shared.shape).toarray()
    return filled


def _blocks(rows: Indices, row_bytes: int) -> Iterator[tuple[int, int]]:
    """Consecutive patients whose rows, ``rows[i + 1] - rows[i]`` of patient i, fill at most ``BLOCK_BYTES``.

    One patient at least.
    """
    most = max(BLOCK_BYTES // max(row_bytes, 1), 1)
    start = 0
    while start < len(rows) - 1:
        stop = max(int(np.searchsorted(rows, rows[start] + most, side="right")) - 1, start + 1)
        yield start, stop
        start = stop


def _symmetrise(matrix: Matrix, side: int = 1024) -> None:
    """The mean of a square matrix and its transpose, in place, a pair of tiles at a time."""
    for top in range(0, len(matrix), side):
        for left in range(top, len(matrix), side):
            upper, lower = (
                (slice(top, top + side), slice(left, left + side)),
                (slice(left, left + side), slice(top, top + side)),
            )
            matrix[upper] = 0.5 * (matrix[upper] + matrix[lower].T)
            matrix[lower] = matrix[upper].T
