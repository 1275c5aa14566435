"""Killed at any moment and started again, the table is that of an undisturbed run."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from medkd.deploy.predict import predict

RUN = """
import sys, torch
from pathlib import Path
from medkd.deploy.predict import predict
torch.set_num_threads(1)
predict(*map(Path, sys.argv[1:]))
"""


@pytest.fixture
def manifest(brugada: Path, tmp_path: Path) -> Path:
    """Every record five times over, so that there are eight chunks to be killed in."""
    (tmp_path / "files").symlink_to(brugada / "files")
    names = sorted(path.name for path in (brugada / "files").iterdir())
    rows = [(f"{name}-{copy}", f"files/{name}/{name}") for copy in range(5) for name in names]
    pl.DataFrame(rows, schema=["sample_id", "ecg"], orient="row").write_csv(tmp_path / "list.csv")
    return tmp_path / "list.csv"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
def test_kill_and_resume(bundle_folder: Path, manifest: Path, tmp_path: Path) -> None:
    predict(bundle_folder, manifest, tmp_path / "undisturbed")
    out = tmp_path / "killed"
    chosen = random.Random(time.time_ns())  # noqa: S311
    deaths = []
    # Early (no chunk yet), in the middle, and about the time of the merge.
    for least in (0, chosen.randrange(2, 6), 8):
        process = subprocess.Popen([sys.executable, "-c", RUN, str(bundle_folder), str(manifest), str(out)])
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if (out / "plan.json").exists() and len(list((out / "chunks").glob("0*.parquet"))) >= least:
                break
            time.sleep(0.002)
        time.sleep(chosen.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        deaths.append(process.wait())
    assert deaths[0] == -signal.SIGKILL
    done = len(list((out / "chunks").glob("0*.parquet")))
    assert done > 0
    summary = predict(bundle_folder, manifest, out)
    assert summary.complete
    tables = [pl.read_parquet(folder / "predictions.parquet").drop("seconds") for folder in (tmp_path / "undisturbed", out)]
    assert tables[0].equals(tables[1])
    assert tables[0].height == 363 * 5
    assert not list(out.rglob("*.tmp"))
