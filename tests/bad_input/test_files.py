"""Bundles, disks, and files of a run that were damaged."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from medkd import registry
from medkd.deploy.bundle.checksums import write_sums
from medkd.pipeline.run_setup import open_run
from tests.bad_input.conftest import TEACHER, Refused, files_of


def test_a_bundle_with_a_changed_byte(spoilt_bundle: Path, demo: Path, tmp_path: Path, refused: Refused) -> None:
    weights = spoilt_bundle / "model.safetensors"
    held = bytearray(weights.read_bytes())
    held[len(held) // 2] ^= 1
    weights.write_bytes(held)
    assert "file 'model.safetensors' was changed" in refused(
        "predict", spoilt_bundle, demo, "--out", tmp_path / "scores"
    )
    assert not (tmp_path / "scores").exists()


@pytest.mark.parametrize("path", ["os.system", "medkd_evil.networks.Net", "subprocess.Popen"])
def test_a_bundle_with_a_class_outside_the_allow_list(
    spoilt_bundle: Path, demo: Path, tmp_path: Path, refused: Refused, path: str
) -> None:
    config = yaml.safe_load((spoilt_bundle / "config.yaml").read_text())
    config["network"]["class_path"] = path
    (spoilt_bundle / "config.yaml").write_text(yaml.safe_dump(config))
    (spoilt_bundle / "SHA256SUMS").unlink()
    write_sums(spoilt_bundle)
    line = refused("predict", spoilt_bundle, demo, "--out", tmp_path / "scores")
    assert f"class '{path}' is outside the allowed packages" in line
    assert not (tmp_path / "scores").exists()


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 10 kB, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk(demo: Path, recipe: Path, tmp_path: Path, refused: Refused) -> None:
    for words in (("cohort", "build", "demo_ecg", "--root", demo), ("stage", recipe, "split/seed0")):
        assert "file too large" in refused(*words, "--out", tmp_path / "out")
        assert files_of(tmp_path / "out") == {}


def test_an_out_that_is_a_file(demo: Path, bundle: Path, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        refused("distill", "ecg_lead", "--cohort", "demo_ecg", "--root", demo, "--fast", "--out", out)
        refused("cohort", "build", "demo_ecg", "--root", demo, "--out", out)
        refused("cohort", "check", "demo_ecg", "--root", demo, "--out", out)
        refused("predict", bundle, demo, "--out", out)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["prepared/*/meta.json", "prepared/*/index.parquet", "prepared/*/values.npy", "split/seed0/split.json"]
)
@pytest.mark.parametrize("damage", [b"", b'{"half": ', b"\0" * 400], ids=["empty", "half", "zeros"])
def test_a_damaged_file_of_a_run(run: Path, recipe: Path, refused: Refused, name: str, damage: bytes) -> None:
    for file in run.glob(name):
        file.write_bytes(damage)
    line = refused("stage", recipe, TEACHER, "--out", run)
    assert file.name in line
    assert "emove" in line
    assert not (run / TEACHER).exists()


def test_a_damaged_marker_of_a_stage(run: Path, recipe: Path, refused: Refused) -> None:
    (run / "stages/split/seed0.done.json").write_text("{")
    assert "seed0.done.json is damaged" in refused("stage", recipe, TEACHER, "--out", run)


def test_a_damaged_sample_table(run: Path, recipe: Path, refused: Refused) -> None:
    held = open_run(recipe, run, 1, registry).stages[TEACHER].fit_config(run)  # type: ignore[attr-defined]
    (run / "fit.yaml").write_text(yaml.safe_dump(held))
    (run / "samples.parquet").write_bytes(b"PAR1")
    assert "samples.parquet is damaged" in refused("fit", "--config", run / "fit.yaml")
    assert not (run / TEACHER / "learner").exists()


def test_a_damaged_report_or_prediction_of_a_finished_run(fast_run: Path, tmp_path: Path, refused: Refused) -> None:
    out = Path(shutil.copytree(fast_run, tmp_path / "run"))
    again = ("distill", "ecg_lead", "--cohort", "demo_ecg", "--fast", "--jobs", "1", "--out", out)
    (out / "report.json").write_text("{")
    assert "report.json is damaged" in refused(*again)
    (out / "stages/evidence.done.json").unlink()
    (out / "labels1/seed0/student-fold0/predictions.parquet").write_bytes(b"PAR1")
    assert "predictions.parquet is damaged" in refused(*again)
    assert not (out / "stages/evidence.done.json").exists()
