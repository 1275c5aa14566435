"""External cohort of an evaluation: its samples with their labels, and the shift of its inputs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medkd.data.core.registry import Registry
from medkd.data.core.sample import check_samples
from medkd.data.core.target import Target
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.items import find_items, temporary_extract
from medkd.deploy.inference.quarantine import attempt
from medkd.errors import InputError, nearest

MOST = 1000
"""Most items that are read again to describe the inputs; a share is known well enough from so many."""


@dataclass(frozen=True)
class ExternalCohort:
    """A cohort with the labels of what a bundle predicts.

    Args:
        root: its folder.
        samples: the sample table.
        target: the bundle's, in the cohort's columns.
        flow: samples found, and why others were left out.
    """

    root: Path
    samples: pl.DataFrame
    target: Target
    flow: tuple[tuple[str, int], ...]

    @classmethod
    def open(
        cls, name: str, root: Path | None, out: Path, target: Target, key: str | None = None, *, registry: Registry
    ) -> ExternalCohort:
        """The cohort at its root, or a synthetic one made below ``out``.

        Args:
            name: of the cohort.
            root: its folder.
            out: where a synthetic cohort goes.
            target: of the bundle.
            key: the cohort's key for it; by default the bundle's own.
            registry: knows the cohort.

        Raises:
            InputError: there is no such cohort or folder, or its target is another.
        """
        cohort_class: Any = registry.cohort(name)
        if root is None and not hasattr(cohort_class, "synthesise"):
            raise InputError(
                f"cohort {name} needs its folder",
                where="--root",
                remedy=f"Give the folder that holds {cohort_class.marker}",
            )
        cohort = cohort_class(cohort_class.synthesise(out / "cohort") if root is None else root)
        cohort_target = cohort.target(key or target.key)
        matched = _in_cohort_columns(target, cohort_target, name)
        samples, exclusions = cohort.samples(cohort_target)
        samples = check_samples(samples, cohort_target, f"cohort {name}")
        total = samples.height + sum(item.count for item in exclusions)
        flow = (("samples found", total), *((item.reason, item.count) for item in exclusions))
        return cls(cohort.root, samples, matched, flow)


def input_shift(bundle: Bundle, root: Path, out: Path, most: int = MOST, *, registry: Registry) -> dict[str, float]:
    """The population stability index of each input summary, largest first.

    Nothing for a bundle without a drift reference.

    Args:
        bundle: whose inputs are described.
        root: of the cohort.
        out: signals in shared tables are copied below it for a while.
        most: items, evenly spaced over the list.
        registry: recognises the cohort at ``root``.
    """
    if bundle.drift is None:
        return {}
    listed = find_items(root, bundle.modalities, bundle.target.key, registry=registry)
    drift = bundle.drift

    def summarise(row: Mapping[str, Any], root: Path) -> Any:
        return drift.summaries([bundle.prepare(row, root)])

    every = -(-listed.table.height // most)
    summaries = []
    with temporary_extract(replace(listed, table=listed.table.gather_every(every)), out) as items:
        for row in items.table.iter_rows(named=True):
            made = attempt(partial(summarise, row, items.root), time.perf_counter)
            if made.value is not None:
                summaries.append(made.value)
    psi = drift.psi(np.concatenate(summaries)) if summaries else {}
    return dict(sorted(psi.items(), key=lambda pair: -pair[1]))


def _in_cohort_columns(target: Target, cohort_target: Target, name: str) -> Target:
    """The bundle's target in the cohort's columns.

    Raises:
        InputError: the two are not of one kind, in one unit, with the same classes.
    """
    where = f"cohort {name}, target {cohort_target.key}"
    if cohort_target.kind != target.kind:
        raise InputError(
            f"it is {cohort_target.kind}, the bundle's {target.key} is {target.kind}",
            where=where,
            remedy="Choose another with --target",
        )
    if cohort_target.units != target.units:
        raise InputError(
            f"it is in '{cohort_target.units}', the bundle's in '{target.units}'",
            where=where,
            remedy="Choose another with --target",
        )
    if target.outputs == 1:
        return replace(target, columns=cohort_target.columns)
    for one in target.names:
        if one not in cohort_target.names:
            raise InputError(
                f"it has no class '{one}', which the bundle predicts",
                where=where,
                remedy=nearest(one, cohort_target.names),
            )
    if target.kind == "multiclass":
        if cohort_target.names != target.names:
            raise InputError(
                "its classes are in another order, or are more", where=where, remedy="Choose another with --target"
            )
        return replace(target, columns=cohort_target.columns)
    return replace(target, columns=tuple(cohort_target.columns[cohort_target.names.index(one)] for one in target.names))
