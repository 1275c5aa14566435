"""What every test may rely on: real data, one thread, and a folder of its own to write in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
# Set before torch is imported anywhere, and inherited by the commands that tests start.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The repository's root."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data; the test is skipped where it is absent."""
    folder = (CHECKOUT / os.environ.get("MEDKD_SHARED", "../shared")).resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data in {folder}; set MEDKD_SHARED to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test writes to a relative path lands in its own folder, not in the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def fast_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished ``--fast`` run of the shipped task on its synthetic cohort; read only, shared by all tests."""
    from medkd.cli import main

    out = tmp_path_factory.mktemp("fast") / "run"
    status = main(["distill", "ecg_lead", "--cohort", "demo_ecg", "--fast", "--jobs", "1", "--out", str(out)])
    assert status == 0
    return out
