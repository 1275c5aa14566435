"""Seconds until ``medkd`` answers, start of the interpreter included: median and spread of 15 runs, and limits.

Measured: ``medkd --help``, ``medkd COMMAND --help`` of every command, ``medkd list``, and ``import medkd``. The exit
code is 1 if a median is above its limit. ``--runs N`` changes the number of runs.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from medkd.commands import COMMANDS

HELP, IMPORT, LIST = 0.3, 0.1, 2.0
"""Limits in seconds on an idle core."""


def measure(words: Sequence[str], runs: int) -> list[float]:
    """Wall seconds of each run of a command, sorted, after one run that warms the disk's cache."""
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - start)
    return sorted(seconds[1:])


def cases() -> list[tuple[str, list[str], float]]:
    """What is measured: its name, the words after the interpreter, and its limit."""
    typed = [("medkd --help", ["--help"], HELP), ("medkd list", ["list"], LIST)]
    typed += [(f"medkd {name} --help", [name, "--help"], HELP) for name in COMMANDS]
    return [
        ("import medkd", ["-c", "import medkd"], IMPORT),
        *((name, ["-m", "medkd.cli", *words], limit) for name, words, limit in typed),
    ]


def main() -> int:
    """Print one line per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    slow = 0
    for name, words, limit in cases():
        seconds = measure(words, runs)
        median = statistics.median(seconds)
        slow += median > limit
        verdict = "above" if median > limit else "within"
        print(f"{name:<24}{median:.3f} s [{seconds[0]:.3f}, {seconds[-1]:.3f}]  {verdict} the limit of {limit} s")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
