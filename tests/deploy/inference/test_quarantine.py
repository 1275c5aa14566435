"""What may pass is tried again; what is plainly wrong is not."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkd.deploy.inference.quarantine import attempt
from medkd.errors import RecordError
from medkd.modalities.ecg import ECG
from tests.deploy.conftest import predict


def stale() -> Exception:
    return OSError(errno.ESTALE, "Stale file handle")


def wrapped() -> Exception:
    error = RecordError("ECG of record 7 cannot be read", remedy="Copy it again")
    error.__cause__ = OSError(errno.EIO, "Input/output error")
    return error


def rust() -> Exception:
    return pl.exceptions.ComputeError("failed to read: Input/output error (os error 5)")


@pytest.mark.parametrize("error", [stale, wrapped, rust, TimeoutError])
@pytest.mark.parametrize("failures", [0, 1, 2, 3])
def test_what_may_pass_is_tried_again_after_a_while(error: Callable[[], Exception], failures: int) -> None:
    left = [error() for _ in range(failures)]
    pauses: list[float] = []

    def act() -> str:
        if left:
            raise left.pop()
        return "read"

    made = attempt(act, lambda: 0.0, retries=2, pause=pauses.append)
    assert made.retries == min(failures, 2)
    assert pauses == [0.1, 0.5][: made.retries]
    if failures < 3:
        assert made.value == "read"
    else:
        assert made.value is None
        assert str(made.reason).endswith("Tried 3 times.")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/ward/7.hea"), "No such file or directory."),
        (RecordError("lead I is flat", where="7"), "lead I is flat (7)."),
        (UnicodeDecodeError("utf-8", b"\xfc", 0, 1, "invalid start byte"), "it holds text that is not in the encoding"),
        (MemoryError(), "it does not fit into memory."),
        (
            ValueError("invalid literal for int(): 'patient-17'"),
            "it is not as its format asks, in a way that medkd does",
        ),
    ],
)
def test_what_is_plainly_wrong_is_told_at_once(error: Exception, reason: str) -> None:
    calls = []

    def act() -> None:
        calls.append(1)
        raise error

    made = attempt(act, lambda: 0.0, retries=5)
    assert made.value is None
    assert str(made.reason).startswith(reason)
    assert not any(words in str(made.reason) for words in ("Error", "patient-17", "codec", "literal"))
    assert len(calls) == 1


def test_a_run_counts_its_retries(
    bundle_folder: Path, brugada: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1009874", "1013884"):
        (tmp_path / "records" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "records" / name).symlink_to(brugada / "files" / name)
    rows = [(name, f"{name}/{name}") for name in ("1009874", "1013884")]
    pl.DataFrame(rows, schema=["sample_id", "ecg"], orient="row").write_csv(tmp_path / "records" / "list.csv")
    predict(bundle_folder, tmp_path / "records" / "list.csv", tmp_path / "calm")
    read, failed = ECG.read, set()

    def shaky(self: ECG, row: dict[str, Any], root: Path) -> Any:
        if row["ecg"] not in failed:
            failed.add(row["ecg"])
            raise stale()
        return read(self, row, root)

    monkeypatch.setattr(ECG, "read", shaky)
    predict(bundle_folder, tmp_path / "records" / "list.csv", tmp_path / "shaky")
    calm, shaken = (
        pl.read_parquet(tmp_path / name / "predictions.parquet").drop("seconds") for name in ("calm", "shaky")
    )
    assert calm.equals(shaken)
    assert json.loads((tmp_path / "shaky" / "run.json").read_text())["retries"] == 2
    failed.clear()
    summary = predict(bundle_folder, tmp_path / "records" / "list.csv", tmp_path / "once", retries=1)
    assert summary.quarantined == 0
