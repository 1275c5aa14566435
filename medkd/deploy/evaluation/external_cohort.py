"""A cohort that a bundle is tried on.

Its samples with their labels, and how unlike the training data its inputs are.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from medkd.data.core.sample import check_samples
from medkd.data.core.target import Target
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.extracted import extracted
from medkd.deploy.inference.manifest import find_items
from medkd.deploy.inference.quarantine import Quarantined, attempt
from medkd.errors import InputError, nearest

MOST = 1000
"""Items read again to describe the inputs; a share is known well enough from so many."""


@dataclass(frozen=True)
class OutsideCohort:
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
    def open(cls, name: str, root: Path | None, out: Path, target: Target, key: str | None = None) -> OutsideCohort:
        """The cohort at its root, or a synthetic one made below ``out``.

        Args:
            name: of the cohort.
            root: its folder.
            out: where a synthetic cohort goes.
            target: of the bundle.
            key: the cohort's key for it; by default the bundle's own.

        Raises:
            InputError: there is no such cohort or folder, or its target is another.
        """
        # The engine names no cohort and imports from no floor above: it asks the front desk what there is.
        kind = importlib.import_module("medkd.registry").find_cohort(name)
        if root is None and not hasattr(kind, "synthesise"):
            raise InputError(
                f"cohort {name} needs its folder", where="--root", remedy=f"Give the folder that holds {kind.marker}"
            )
        cohort = kind(kind.synthesise(out / "cohort") if root is None else root)
        theirs = cohort.target(key or target.key)
        ours = _ours(target, theirs, name)
        samples, exclusions = cohort.samples(theirs)
        samples = check_samples(samples, theirs, f"cohort {name}")
        found = samples.height + sum(item.count for item in exclusions)
        flow = (("samples found", found), *((item.reason, item.count) for item in exclusions))
        return cls(cohort.root, samples, ours, flow)


def input_shift(bundle: Bundle, root: Path, out: Path, most: int = MOST) -> dict[str, float]:
    """The population stability index of each input summary, largest first.

    Nothing for a bundle without a drift reference.

    Args:
        bundle: whose inputs.
        root: of the cohort.
        out: what lies in shared tables is copied below it for a while.
        most: items, evenly spaced over the list.
    """
    if bundle.drift is None:
        return {}
    items = find_items(root, bundle.modalities, bundle.target.key)
    drift = bundle.drift

    def summarise(row: Mapping[str, Any], root: Path) -> Any:
        return drift.summaries([bundle.prepare(row, root)])

    every = -(-items.table.height // most)
    summaries = []
    with extracted(replace(items, table=items.table.gather_every(every)), out) as placed:
        for row in placed.table.iter_rows(named=True):
            made = attempt(partial(summarise, row, placed.root), time.perf_counter)
            if not isinstance(made.value, Quarantined):
                summaries.append(made.value)
    found = bundle.drift.psi(np.concatenate(summaries)) if summaries else {}
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _ours(target: Target, theirs: Target, name: str) -> Target:
    """The bundle's target in the cohort's columns.

    Raises:
        InputError: the two are not of one kind, in one unit, with the same classes.
    """
    where = f"cohort {name}, target {theirs.key}"
    if theirs.kind != target.kind:
        raise InputError(
            f"it is {theirs.kind}, the bundle's {target.key} is {target.kind}",
            where=where,
            remedy="Choose another with --target",
        )
    if theirs.units != target.units:
        raise InputError(
            f"it is in '{theirs.units}', the bundle's in '{target.units}'",
            where=where,
            remedy="Choose another with --target",
        )
    if target.outputs == 1:
        return replace(target, columns=theirs.columns)
    for one in target.names:
        if one not in theirs.names:
            raise InputError(
                f"it has no class '{one}', which the bundle predicts", where=where, remedy=nearest(one, theirs.names)
            )
    if target.kind == "multiclass":
        if theirs.names != target.names:
            raise InputError(
                "its classes stand in another order, or are more", where=where, remedy="Choose another with --target"
            )
        return replace(target, columns=theirs.columns)
    return replace(target, columns=tuple(theirs.columns[theirs.names.index(one)] for one in target.names))
