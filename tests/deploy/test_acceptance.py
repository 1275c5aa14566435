"""Every record at hand and five broken ones.

863 rows and five reasons, however often the run is killed or its disk is full.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl
import pytest

from medkd.deploy.inference.command import main
from medkd.errors import InputError
from tests.deploy.conftest import predict

RAY = """
import sys
from pathlib import Path
from medkd import registry
from medkd.deploy.inference.predict import predict
from medkd.deploy.inference.settings import PredictSettings
predict(*map(Path, sys.argv[1:]), PredictSettings(engine="ray"), registry=registry)
"""


@pytest.fixture(scope="module")
def records(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """863 whole records and five broken ones in one folder."""
    folder = tmp_path_factory.mktemp("records")
    ecg = shared / "data" / "ecg"
    for path in [*(ecg / "brugada-huca" / "files").rglob("*.*"), *(ecg / "ptbxl" / "records100").rglob("*.*")]:
        if path.suffix in (".hea", ".dat"):
            (folder / path.name).symlink_to(path)
    source = ecg / "brugada-huca" / "files" / "1009874" / "1009874"
    header, signal = source.with_suffix(".hea").read_text(), source.with_suffix(".dat").read_bytes()
    broken = {
        "an_empty_header": ("", signal),
        "half_a_header": (header[:120], signal),
        "half_a_signal": (header, signal[: len(signal) // 2]),
        "no_lead_i": (header.replace(" I\n", " X1\n"), signal),
        "words_for_a_signal": (header, b"left against advice\n" * 40),
    }
    for name, (text, content) in broken.items():
        (folder / f"{name}.hea").write_text(text.replace("1009874", name), encoding="utf-8")
        (folder / f"{name}.dat").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def undisturbed(bundle_folder: Path, records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    predict(bundle_folder, records, out)
    return out


def told(out: Path) -> tuple[pl.DataFrame, str]:
    """The two tables of a finished run, without the seconds."""
    return pl.read_parquet(out / "predictions.parquet").drop("seconds"), (out / "quarantine.csv").read_text()


def same(out: Path, undisturbed: Path) -> bool:
    (mine, aside), (table, reasons) = told(out), told(undisturbed)
    return mine.equals(table) and aside == reasons and not list(out.rglob("*.tmp"))


def test_863_rows_and_five_reasons(undisturbed: Path) -> None:
    table, _ = told(undisturbed)
    assert table.height == 863
    assert set(table["status"]) == {"ok"}
    assert table["p_brugada"].null_count() == 0
    reasons = dict(pl.read_csv(undisturbed / "quarantine.csv").iter_rows())
    assert reasons["an_empty_header"].startswith("header of ECG an_empty_header is empty")
    assert "its header is cut short; it states 12 leads" in reasons["half_a_header"]
    assert "half_a_signal.dat holds 14,400 bytes where the header states 28,800" in reasons["half_a_signal"]
    assert "missing I;" in reasons["no_lead_i"]
    assert "words_for_a_signal.dat holds 800 bytes" in reasons["words_for_a_signal"]
    assert len(reasons) == 5
    record = json.loads((undisturbed / "run.json").read_text())
    assert record["counts"] == {"items": 868, "ok": 863, "quarantined": 5, "chunks": 4}
    assert (record["engine"], record["runtime"], record["precision"], record["retries"]) == ("local", "torch", 32, 0)


def test_killed_twenty_times(bundle_folder: Path, records: Path, undisturbed: Path, tmp_path: Path) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    chosen = random.Random(seed)  # noqa: S311
    # Processes of their own, each forked from one that has imported everything already.
    spawn = multiprocessing.get_context("forkserver")
    spawn.set_forkserver_preload(["medkd.deploy.inference.predict", "medkd.modalities.ecg", "medkd.networks.resnet1d"])
    kills, left, pace, out = 0, [], 0.0, tmp_path / "out0"
    while kills < 20:
        words = argparse.Namespace(bundle=bundle_folder, input=records, out=out)
        process = spawn.Process(target=main, args=(words,))
        process.start()
        # Half of the runs live until one more chunk is there, so that the next begins elsewhere; each then for a random
        # while.
        least = min(4, _chunks(out) + chosen.randrange(2))
        while process.is_alive() and _chunks(out) < least:
            time.sleep(0.001)
        began = time.monotonic()
        process.join(chosen.random() * pace if pace else None)
        if process.is_alive():
            process.kill()
            process.join()
            kills += 1
            left.append(_chunks(out))
            continue
        assert process.exitcode == 0
        assert same(out, undisturbed)
        # The first run is left alone, and gives the time that a chunk takes; another begins anew.
        pace = pace or (time.monotonic() - began) / 4
        out = tmp_path / f"out{kills + 1}"
    predict(bundle_folder, records, out)
    assert same(out, undisturbed)
    assert len(set(left)) > 1, f"always killed with {left[0]} chunks done"


def test_a_file_that_may_not_grow(bundle_folder: Path, records: Path, undisturbed: Path, tmp_path: Path) -> None:
    refused = []
    for bytes_at_most in (100, 2_000, 10_000, 30_000):
        with _files_of(bytes_at_most), pytest.raises(InputError, match=r"cannot write: .*Make room, then repeat"):
            predict(bundle_folder, records, tmp_path / "out")
        refused.append(sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()))
    assert not any(name.endswith(".tmp") for names in refused for name in names)
    assert "00000.parquet" in refused[-1]
    assert "run.json" not in refused[-1]
    predict(bundle_folder, records, tmp_path / "out")
    assert same(tmp_path / "out", undisturbed)


def test_a_full_disk(bundle_folder: Path, records: Path, undisturbed: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with _disk(disk) as resize:
        refusals = 0
        for pages in range(1, 200, 3):
            resize(4 * pages)
            with suppress(InputError):
                predict(bundle_folder, records, disk / "out")
                break
            refusals += 1
            if refusals == 8:
                with pytest.raises(InputError, match="cannot write: No space left on device"):
                    predict(bundle_folder, records, disk / "out")
        assert refusals > 8
        assert same(disk / "out", undisturbed)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed: pip install 'medkd[ray]'")
def test_ray_computes_the_same_and_goes_on_where_a_driver_was_killed(
    bundle_folder: Path, records: Path, undisturbed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    driver = subprocess.Popen([sys.executable, "-c", RAY, str(bundle_folder), str(records), str(out)])
    deadline = time.monotonic() + 300  # Two interpreters and Ray start first, on a machine that may be busy.
    while driver.poll() is None and time.monotonic() < deadline and not _chunks(out):
        time.sleep(0.005)
    driver.kill()
    driver.wait()
    assert _chunks(out)
    capfd.readouterr()
    summary = predict(bundle_folder, records, out, engine="ray", workers=2)
    assert (summary.scored, summary.quarantined) == (863, 5)
    assert same(out, undisturbed)
    record = json.loads((out / "run.json").read_text())
    assert record["engine"] == "ray"
    assert "ray" in record["versions"]
    assert record["counts"] == {"items": 868, "ok": 863, "quarantined": 5, "chunks": 4}


def _chunks(out: Path) -> int:
    return len(list(out.glob("chunks/0*.parquet")))


@contextmanager
def _files_of(most: int) -> Iterator[None]:
    """No file may grow beyond ``most`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _disk(folder: Path) -> Iterator[Callable[[int], object]]:
    """A small disk at ``folder``, whose size in KiB can be changed."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() or mount is None or umount is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield lambda size: subprocess.run([mount, "-o", f"remount,size={size}k", str(folder)], check=True)
    finally:
        subprocess.run([umount, str(folder)], check=True)
