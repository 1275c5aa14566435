"""Later passes over PTB-XL records from the prepared store against ``wfdb.rdrecord`` in a loop.

    python benchmarks/prepared_store.py --root ../shared/data/ecg/ptbxl

The store is made once, on the spot (the first pass: reading and preparing twelve leads and lead I, reported per
record). Then rounds in turn: ``wfdb.rdrecord`` over every record; the prepared rows alone; and whole training batches
of 64 - rows, statistics, labels, presence - with and without augmentation. One core; files lie in the page cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
import wfdb

from medkd.cohorts.ptbxl import PTBXL
from medkd.data.core.model_input import ModelInput
from medkd.data.core.sample import check_samples
from medkd.data.core.target import Target
from medkd.data.core.view import View
from medkd.data.loading.dataset import SampleDataset
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import Prepared, prepare
from medkd.modalities.ecg import ECG

AT_LEAST = 10.0
BATCH = 64
VIEWS = ("ecg", "ecg[I]")


def seconds(act: Callable[[], object]) -> float:
    """Wall time."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def batches(
    view: str, stored: Prepared, samples: pl.DataFrame, target: Target, *, augmented: bool
) -> Callable[[], object]:
    """One pass over all samples in batches, in shuffled order."""
    ecg = ECG(augment_amplitude=0.1, augment_noise=0.05, augment_shift=0.1) if augmented else ECG()
    model_input = ModelInput(view, {"ecg": ecg})
    statistics = Statistics.fit(stored.values, np.flatnonzero(stored.present), "", ())
    labelled = torch.ones(samples.height, dtype=torch.bool)
    data = SampleDataset(
        samples,
        labelled,
        target,
        {"model": model_input},
        {"model": {"ecg": stored}},
        {"model": {"ecg": statistics}},
        0 if augmented else None,
    )
    order = np.random.default_rng(0).permutation(samples.height).tolist()
    return lambda: [
        data.__getitems__([(place, 0) for place in order[start : start + BATCH]])
        for start in range(0, len(order), BATCH)
    ]


def rows(stored: Prepared) -> Callable[[], object]:
    """One pass over the prepared rows, copied out of the map a batch at a time."""
    order = np.random.default_rng(0).permutation(len(stored.values))
    return lambda: [np.asarray(stored.values[order[start : start + BATCH]]) for start in range(0, len(order), BATCH)]


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """The median of the rounds and their extremes."""
    return float(np.median(ratios)), min(ratios), max(ratios)


def main() -> int:
    """0 if rows and whole batches, without augmentation, are ``AT_LEAST`` times as fast as records through wfdb."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--root", type=Path, required=True, help="PTB-XL as published")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cohort = PTBXL(arguments.root)
    target = cohort.target(None)
    table, _ = cohort.samples(target)
    samples = check_samples(table, target, "PTB-XL")
    ecg = cohort.modalities()["ecg"]
    names = [str(cohort.root / name) for name in samples["ecg"]]

    def by_wfdb() -> None:
        for name in names:
            wfdb.rdrecord(name)

    with tempfile.TemporaryDirectory() as folder:
        base = [seconds(by_wfdb)]
        parts = [View.parse(view).parts[0] for view in VIEWS]
        start = time.perf_counter()
        stores = prepare(Path(folder), ecg, parts, samples, cohort.root)
        first = time.perf_counter() - start
        acts = {f"{view}: rows": rows(stores[view]) for view in VIEWS}
        acts |= {
            f"{view}: batches of {BATCH}{', augmented' if augmented else ''}": batches(
                view, stores[view], samples, target, augmented=augmented
            )
            for view in VIEWS
            for augmented in (False, True)
        }
        for act in acts.values():
            act()
        base += [seconds(by_wfdb)]
        rounds = [
            (seconds(by_wfdb), {what: seconds(act) for what, act in acts.items()}) for _ in range(arguments.rounds)
        ]
    loop = [taken for taken, _ in rounds]
    print(f"{len(names)} PTB-XL records; wfdb.rdrecord {1e3 * np.median(loop) / len(names):.2f} ms a record")
    print(
        f"first pass, read once and prepared for {' and '.join(VIEWS)}: {1e3 * first / len(names):.2f} ms a record, "
        f"{np.median(base) / first:.2f} x as fast as wfdb.rdrecord alone"
    )
    medians = {}
    for what in acts:
        medians[what], low, high = interval([taken / times[what] for taken, times in rounds])
        print(f"later passes, {what}: {medians[what]:.0f} x as fast [{low:.0f}, {high:.0f}]")
    worst = min(median for what, median in medians.items() if "augmented" not in what)
    print(f"required: at least {AT_LEAST:g}: {'passed' if worst >= AT_LEAST else 'FAILED'}")
    return 0 if worst >= AT_LEAST else 1


if __name__ == "__main__":
    raise SystemExit(main())
