"""Seconds that ``medkd --help`` takes, start of the interpreter included: median and spread of 15 runs.

It must stay below 0.5.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

LIMIT = 0.5


def measure(runs: int = 15) -> list[float]:
    """Wall seconds of each run, after one that warms the disk's cache."""
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "medkd.cli", "--help"], stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


if __name__ == "__main__":
    found = sorted(measure())
    print(f"medkd --help: median {statistics.median(found):.3f} s, {found[0]:.3f} to {found[-1]:.3f} (limit {LIMIT} s)")
    sys.exit(statistics.median(found) > LIMIT)
