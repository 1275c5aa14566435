"""Similarity of 4,096 patients by their ICD-9 codes: all pairs at once against the loop over pairs.

    python benchmarks/patient_similarity.py --root ../shared/data/icu

A patient has the codes of a stay of the MIMIC-III demo drawn at random, half of them exchanged for another code of the
same category, so that thousands of different codes occur. The loop knows each code's path as a set beforehand and does
a pair at a time. It runs on a sample of pairs, a fresh one each round: values are held equal on these pairs, and its
time for all pairs is that of a pair times their number (the loop has no other cost). Ours computes all pairs, in
float32, as they are stored; a further run in float64 shows that the two agree to the last digits.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import polars as pl

from medkd.modalities.codes.icd9 import category, read_icd9
from medkd.modalities.codes.ontology import Indices, Ontology
from medkd.tasks.oc_distill.patient_similarity import patient_similarity

AT_LEAST = 100.0
PATIENTS, PAIRS, ROUNDS = 4096, 20_000, 5


def cohort(root: Path, tree: Ontology, rng: np.random.Generator) -> list[Indices]:
    """Codes of each patient, as nodes of the tree."""
    table = pl.read_csv(
        root / "mimic-iii-clinical-database-demo-1.4" / "DIAGNOSES_ICD.csv.gz",
        schema_overrides={"icd9_code": pl.String},
    )
    grouped = table.drop_nulls("icd9_code").group_by("hadm_id", maintain_order=True).agg("icd9_code")
    stays = [tree.lookup(codes) for codes in grouped["icd9_code"].to_list()]
    siblings: dict[str, list[int]] = {}
    for leaf in np.setdiff1d(np.arange(len(tree)), tree.parents).tolist():
        siblings.setdefault(category(tree.codes[leaf]), []).append(leaf)

    def exchanged(code: int) -> int:
        choices = siblings[category(tree.codes[code])]
        return choices[rng.integers(len(choices))] if rng.random() < 0.5 else code

    return [np.array([exchanged(code) for code in stays[rng.integers(len(stays))].tolist()]) for _ in range(PATIENTS)]


def pair_similarity(first: list[frozenset[int]], second: list[frozenset[int]]) -> float:
    """The formula as it stands, from the paths of both patients' codes."""
    if not first or not second:
        return 0.0
    near = [[len(a & b) / len(a | b) for b in second] for a in first]
    there = sum(max(row) for row in near) / len(first)
    back = sum(max(column) for column in zip(*near, strict=True)) / len(second)
    return 0.5 * (there + back)


def main() -> int:
    """0 if all pairs at once is ``AT_LEAST`` times as fast."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--root", type=Path, default=Path("../shared/data/icu"), help="folder of ontologies and of the MIMIC-III demo"
    )
    root = parser.parse_args().root
    if not root.is_dir():
        print(f"patient_similarity.py: no such folder: {root}; give --root", file=sys.stderr)
        return 2
    rng = np.random.default_rng(0)
    tree = read_icd9(root / "ontologies" / "icd-9-hierarchy.json.gz")
    patients = cohort(root, tree, rng)
    codes, offsets = np.concatenate(patients), np.cumsum([0, *map(len, patients)])
    paths = [frozenset(nodes.tolist()) for nodes in np.split(tree.paths.indices, tree.paths.indptr[1:-1])]
    print(f"{PATIENTS} patients, {len(codes)} codes, {len(np.unique(codes))} different, of {len(tree)} nodes; one core")
    precise = patient_similarity(codes, offsets, tree.paths)
    ratios, ours, theirs, off = [], [], [], [0.0, 0.0]
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = patient_similarity(codes, offsets, tree.paths, out=np.empty((PATIENTS, PATIENTS), np.float32))
        ours.append(time.perf_counter() - start)
        first, second = rng.integers(PATIENTS, size=(2, PAIRS))
        start = time.perf_counter()
        values = [
            pair_similarity(
                [paths[code] for code in patients[a].tolist()], [paths[code] for code in patients[b].tolist()]
            )
            for a, b in zip(first, second, strict=True)
        ]
        theirs.append((time.perf_counter() - start) / PAIRS * PATIENTS * (PATIENTS - 1) / 2)
        ratios.append(theirs[-1] / ours[-1])
        for index, (matrix, tolerance) in enumerate([(precise, 1e-12), (found, 1e-6)]):
            off[index] = max(off[index], float(np.abs(matrix[first, second] - values).max()))
            assert off[index] <= tolerance, off
    tracemalloc.start()
    patient_similarity(codes, offsets, tree.paths, out=found)
    peak = tracemalloc.get_traced_memory()[1]
    print(
        f"ours {np.median(ours):.2f} s for all pairs, "
        f"at most {peak / 2**20:.0f} MB beside the result of {found.nbytes / 2**20:.0f} MB"
    )
    each = 1e6 * np.median(theirs) / (PATIENTS * (PATIENTS - 1) / 2)
    print(f"loop {np.median(theirs):.0f} s for all pairs, from {PAIRS} pairs a round ({each:.0f} µs each)")
    print(f"equal on {ROUNDS * PAIRS} pairs: largest difference {off[0]:.0e} in float64, {off[1]:.0e} in float32")
    passed = float(np.median(ratios)) >= AT_LEAST
    print(f"ratio: median {np.median(ratios):.0f} [{min(ratios):.0f}, {max(ratios):.0f}] of {ROUNDS} rounds; ", end="")
    print(f"required {AT_LEAST:g}: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
