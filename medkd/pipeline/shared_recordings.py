"""Shared recordings: subjects who have a recording in common are split as one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medkd.data.core.sample import Exclusion
from medkd.data.loading.store import Prepared
from medkd.evidence.leaks.duplicates import duplicate_pairs

SAME = 0.9995
"""Two prepared signals of this correlation or more are one recording."""


def joined_subjects(samples: pl.DataFrame, prepared: Mapping[str, Prepared]) -> tuple[pl.DataFrame, list[Exclusion]]:
    """The sample table with one ``subject_id`` for subjects that share a recording, and how many were joined.

    Published cohorts hold such pairs (four among the 363 subjects of Brugada-HUCA); split apart they would put a test
    sample's own recording into training. No sample is dropped.

    Args:
        samples: the sample table.
        prepared: one model's arrays by modality; two samples are the same when any modality of theirs is.
    """
    pairs: list[tuple[int, int]] = []
    ids = samples["sample_id"].to_list()
    for stored in prepared.values():
        rows = stored.rows(ids)
        present = np.flatnonzero(stored.present[rows])
        values = np.asarray(stored.values[rows[present]])
        pairs += [(int(present[a]), int(present[b])) for a, b in duplicate_pairs(values, values, SAME) if a < b]
    if not pairs:
        return samples, []
    names = samples["subject_id"].unique(maintain_order=True)
    subject = samples["subject_id"].replace_strict(names, list(range(len(names))), return_dtype=pl.Int64).to_numpy()
    first, second = subject[[a for a, _ in pairs]], subject[[b for _, b in pairs]]
    _, group = connected_components(
        coo_array((np.ones(len(first)), (first, second)), shape=(len(names), len(names))), directed=False
    )
    representative = {number: int(np.flatnonzero(group == number)[0]) for number in np.unique(group)}
    joined = len(names) - len(representative)
    if not joined:
        return samples, []
    merged = pl.Series("subject_id", [names[representative[group[index]]] for index in subject])
    return samples.with_columns(merged), [
        Exclusion("subjects that share a recording with another: split together, none dropped", joined)
    ]
