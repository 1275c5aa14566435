"""ECGs read and prepared, against the wfdb package that only reads them.

Run: python benchmarks/ecg_reading.py --root ../shared/data/ecg/ptbxl

Both loops go over the same records in the same process, in turn; printed are the median ratio of the rounds and its
extremes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import wfdb

from medkd.data.core.view import View
from medkd.modalities.ecg import ECG


def seconds(act: Callable[[str], object], names: list[str]) -> float:
    """Wall-clock time of ``act`` over all names."""
    start = time.perf_counter()
    for name in names:
        act(name)
    return time.perf_counter() - start


def main() -> None:
    """Compare over every WFDB record below the root."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--root", type=Path, required=True, help="folder with WFDB records")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    root: Path = arguments.root
    ecg = ECG()
    names = [name for name in ecg.find(root) if (root / f"{name}.hea").is_file()]
    if not names:
        parser.error(f"no WFDB record below {root}")

    def theirs(name: str) -> object:
        return wfdb.rdrecord(str(root / name))

    def read(name: str) -> object:
        return ecg.read({"ecg": name}, root)

    def prepare(view: str) -> Callable[[str], object]:
        part = View.parse(view).parts[0]
        return lambda name: ecg.prepare(ecg.select(ecg.read({"ecg": name}, root), part))

    for name in names:
        if not np.array_equal(ecg.read({"ecg": name}, root).values, wfdb.rdrecord(str(root / name)).p_signal.T):
            raise SystemExit(f"{name} is read differently")
    ours = {"read": read, "read + prepare ecg": prepare("ecg"), "read + prepare ecg[I]": prepare("ecg[I]")}
    rounds = [
        (seconds(theirs, names), {what: seconds(act, names) for what, act in ours.items()})
        for _ in range(arguments.rounds)
    ]
    print(
        f"{len(names)} records, equal values; "
        f"wfdb.rdrecord: {1e3 * statistics.median(t for t, _ in rounds) / len(names):.2f} ms per record"
    )
    for what in ours:
        ratios = sorted(base / times[what] for base, times in rounds)
        print(f"{what}: {statistics.median(ratios):.2f} x as fast [{ratios[0]:.2f}, {ratios[-1]:.2f}]")


if __name__ == "__main__":
    main()
