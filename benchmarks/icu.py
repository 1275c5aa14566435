"""Reading MIMIC-IV's laboratory table against PyHealth 2.1.

Equal samples and cells first, then CPU, wall time and memory.

    python benchmarks/icu.py --python python3.12 --shared ../shared/data/icu

Generated tables of 5,000 patients (``icu_tables.py``). PyHealth's ``InHospitalMortalityMIMIC4`` runs in an environment
of its own, made with uv for the benchmark and gone afterwards (several GB), or in that of ``--peer``; it must have
Python 3.12. What is compared, cell by cell, is the raw grid, before PyHealth fills and resamples it; filling is counted
in its time. Both are timed from reading to what they write, imports left out; a process has all cores on either side,
as a user has it. At the longest table PyHealth is given ``--patience`` times our wall time, and ended: a lower bound.
Memory is that of the process tree (PSS, looked at ten times a second), imports included: of our own ``task`` without
torch, of the builds with it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import psutil
from icu_tables import write_tables

from medkd.errors import MedkdError

HERE = Path(__file__).parent
AT_LEAST_CPU, AT_LEAST_WALL, AT_LEAST_LONGEST = 25.0, 15.0, 10.0
CINC_AT_MOST, MIMIC3_AT_MOST = 5.0, 10.0
CHARTEVENTS = 330e6


@dataclass(frozen=True)
class Taken:
    """What one process tree took: seconds, and MB at most. ``cpu`` is NaN where it was ended before it was done."""

    wall: float
    cpu: float
    megabytes: float


def measure(command: Sequence[str], out: Path, patience: float | None = None) -> Taken:
    """Run a side.

    It writes its own times to ``out/taken.json``, and ``out/started`` when its patience begins to count.
    """
    out.mkdir(parents=True)
    log = (out / "log.txt").open("wb")
    child = subprocess.Popen(
        [*command, str(out)],
        stdout=log,
        stderr=log,
        start_new_session=True,
        env={**os.environ, "LITDATA_DISABLE_VERSION_CHECK": "1"},
    )
    peak = 0.0
    while child.poll() is None:
        peak = max(peak, _megabytes(child.pid))
        started = out / "started"
        if patience is not None and started.exists() and time.time() - started.stat().st_mtime > patience:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return Taken(patience, float("nan"), peak)
        time.sleep(0.1)
    if child.returncode:
        raise MedkdError(
            f"{command[1]} failed",
            where=(out / "log.txt").read_text(errors="replace")[-300:],
            remedy="See what it says",
        )
    return Taken(**json.loads((out / "taken.json").read_text()), megabytes=peak)


def _megabytes(pid: int) -> float:
    total = 0
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in tree:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 1e6


def peer(folder: Path, python: str) -> Path:
    """An environment with PyHealth."""
    uv, made = str(Path(sys.executable).with_name("uv")), str(folder / "bin/python")
    for arguments in (["venv", "-q", "-p", python, str(folder)], ["pip", "install", "-q", "-p", made, "pyhealth==2.1"]):
        done = subprocess.run([uv, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            remedy = "Name a Python 3.12 with --python, and be online"
            raise MedkdError("PyHealth could not be installed", where=done.stderr.strip()[-200:], remedy=remedy)
    return folder / "bin/python"


def check_equal(ours: Path, theirs: Path) -> tuple[int, int]:
    """Samples and cells, which must be the same.

    Raises:
        MedkdError: they are not.
    """
    held, wanted = (pl.read_parquet(folder / "samples.parquet").sort("hadm_id") for folder in (ours, theirs))
    grid = pl.read_parquet(ours / "grid.parquet").unpivot(index=["hadm_id", "at"], variable_name="itemid").drop_nulls()
    keys = ["hadm_id", "at", "itemid"]
    cells = pl.read_parquet(theirs / "cells.parquet").sort(keys)
    grid = grid.with_columns(pl.col("itemid").cast(pl.Int64)).select(cells.columns).sort(keys)
    if not held.select(wanted.columns).cast(pl.Int64).equals(wanted) or not grid.equals(cells):
        raise MedkdError(
            "samples or cells differ",
            where=f"{held.height} and {wanted.height} samples, {grid.height} and {cells.height} cells",
        )
    return held.height, cells.height


def row(what: str, taken: Taken) -> None:
    """A line of the table."""
    print(f"{what:44} {taken.cpu:8.2f} {taken.wall:8.2f} {taken.megabytes:8.0f}", flush=True)


def main() -> int:
    """0 if every target is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--rows", type=float, nargs="+", default=[1e6, 5e6, 20e6], help="of labevents, the shortest first"
    )
    parser.add_argument("--python", default="3.12", help="for PyHealth's environment: a version, or a path")
    parser.add_argument("--peer", type=Path, help="python of an environment that has PyHealth already")
    parser.add_argument("--patience", type=float, default=15.0, help="times our wall time, at the longest table")
    parser.add_argument(
        "--shared", type=Path, help="folder of cinc2012 and the MIMIC-III demo; without it they are left out"
    )
    arguments = parser.parse_args()
    missed: list[str] = []

    def require(what: str, met: bool) -> None:
        print(f"required: {what}: {'passed' if met else 'FAILED'}", flush=True)
        missed.extend([] if met else [what])

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = arguments.peer or peer(folder / "environment", arguments.python)
        print(
            f"load average {os.getloadavg()[0]:.0f}, {os.cpu_count()} cores\n"
            f"{'':44} {'CPU s':>8} {'wall s':>8} {'MB':>8}",
            flush=True,
        )

        def ours(kind: str, root: Path) -> Taken:
            shutil.rmtree(folder / kind, ignore_errors=True)
            return measure([sys.executable, str(HERE / "icu_ours.py"), kind, str(root)], folder / kind)

        memory: dict[str, list[float]] = {"task": [], "mimic4": []}
        for rows in arguments.rows:
            root = folder / "tables"
            write_tables(root, int(rows))
            million = f"{rows / 1e6:g} M rows"
            mine = {}
            for kind, what in (("task", "the same task"), ("mimic4", "medkd cohort build mimic4")):
                mine[kind] = ours(kind, root)
                memory[kind].append(mine[kind].megabytes)
                row(f"{million}: {what}", mine[kind])
            command = [str(python), str(HERE / "icu_pyhealth.py"), str(root)]
            if rows == arguments.rows[0]:
                theirs = measure(command, folder / "theirs")
                row(f"{million}: PyHealth", theirs)
                samples, cells = check_equal(folder / "task", folder / "theirs")
                shutil.rmtree(folder / "theirs")
                again = ours("task", root)
                row(f"{million}: the same task, once more", again)
                cpu, wall = (
                    theirs.cpu / max(mine["task"].cpu, again.cpu),
                    theirs.wall / max(mine["task"].wall, again.wall),
                )
                print(f"equal: {samples} samples, {cells} cells; CPU {cpu:.0f} x, wall {wall:.0f} x", flush=True)
                require(
                    f"CPU at least {AT_LEAST_CPU:g} x, wall at least {AT_LEAST_WALL:g} x",
                    cpu >= AT_LEAST_CPU and wall >= AT_LEAST_WALL,
                )
            elif rows == arguments.rows[-1]:
                theirs = measure(command, folder / "theirs", arguments.patience * mine["task"].wall)
                row(f"{million}: PyHealth{', not done when ended' if np.isnan(theirs.cpu) else ''}", theirs)
                ratio = theirs.wall / mine["task"].wall
                require(f"wall at least {AT_LEAST_LONGEST:g} x at {million} ({ratio:.0f} x)", ratio >= AT_LEAST_LONGEST)
            shutil.rmtree(root)
        for kind, peaks in memory.items():
            slope, start = (
                np.polyfit(np.log(arguments.rows), np.log(peaks), 1) if len(peaks) > 1 else (0.0, np.log(peaks[0]))
            )
            line, at_zero = np.polyfit(arguments.rows, peaks, 1) if len(peaks) > 1 else (0.0, peaks[0])
            print(
                f"{kind}: memory grows as rows to the power {slope:.2f}; at {CHARTEVENTS / 1e6:g} M rows by that "
                f"{np.exp(start + slope * np.log(CHARTEVENTS)):.0f} MB, "
                f"by a straight line {at_zero + line * CHARTEVENTS:.0f} MB"
            )
        if arguments.shared is not None:
            cinc = ours("cinc2012", arguments.shared / "cinc2012")
            row("CinC 2012, set A", cinc)
            require(f"CinC 2012 at most {CINC_AT_MOST:g} s of CPU", cinc.cpu <= CINC_AT_MOST)
            demo = ours("mimic3", arguments.shared / "mimic-iii-clinical-database-demo-1.4")
            row("MIMIC-III demo, every target", demo)
            require(f"MIMIC-III demo at most {MIMIC3_AT_MOST:g} s of CPU", demo.cpu <= MIMIC3_AT_MOST)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
