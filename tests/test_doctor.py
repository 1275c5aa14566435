"""The doctor, on machines in states that it must recognise."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from medkd import doctor
from medkd.cli import main
from medkd.extras import requirements

NMS = "operator torchvision::nms does not exist"


def test_this_environment_is_well(capsys: pytest.CaptureFixture[str]):
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "✓ torch " in shown
    assert "✗" not in shown
    for extra in requirements():
        assert f" {extra or 'core'} " in shown


@pytest.mark.parametrize(("version", "well"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)])
def test_python(version: tuple[int, int], well: bool):
    assert doctor.python(version).well is well


def test_a_cpu_build_of_torch_beside_the_ordinary_torchvision():
    found = doctor.torchvision("2.13.0+cpu", "0.28.0", "2.13.0", NMS)
    assert not found.well
    assert found.needed
    assert NMS in str(found)
    assert "built for another torch" in str(found)
    assert str(found).endswith("pip install --force-reinstall torch==2.13.0 torchvision==0.28.0")


def test_a_torchvision_of_another_release():
    found = doctor.torchvision("2.15.0", "0.28.0", "2.13.0", "")
    assert "it was built for torch 2.13.0" in str(found)
    assert "torch==2.13.0 torchvision==0.28.0" in str(found)


@pytest.mark.parametrize(
    ("torch", "torchvision"), [("2.15.0", "0.29.2"), ("2.15.0+cpu", "0.30.0+cpu"), ("2.15.0+cu130", "0.30.0")]
)
def test_pairs_that_work_are_left_alone(torch: str, torchvision: str):
    assert doctor.torchvision(torch, torchvision, "2.15.0", "").well
    assert doctor.torchvision(torch, torchvision, "", "").well


def test_torchvision_that_fails_for_another_reason_says_which():
    found = doctor.torchvision("2.15.0", "0.29.2", "2.15.0", "libpng16.so.16: cannot open shared object file")
    assert "libpng16" in str(found)


def test_torch_missing_or_broken():
    assert "pip install torch" in str(doctor.torch(None, "No module named 'torch'"))
    assert "libcudart" in str(doctor.torch("2.15.0", "libcudart.so: cannot open shared object file"))
    assert doctor.torch("2.15.0", "").well


def test_extras_missing_old_and_present():
    brought = [Requirement("wfdb>=4.3.1; extra == 'ecg'"), Requirement("pydicom>=3; extra == 'ecg'")]
    well = doctor.packages("ecg", brought, {"wfdb": "4.3.1", "pydicom": "3.0.2"}.get)
    assert str(well) == "✓ ecg         wfdb 4.3.1, pydicom 3.0.2"
    lacking = doctor.packages("ecg", brought, {"wfdb": "4.0.0"}.get)
    assert not lacking.needed
    assert (
        str(lacking)
        == "- ecg         wfdb 4.0.0 is not >=4.3.1; pydicom is missing. Type: pip install --upgrade 'medkd[ecg]'"
    )


def test_the_core_is_needed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    version = metadata.version

    def without_polars(name: str) -> str:
        if name == "polars":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without_polars)
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "✗ core        polars is missing. Type: pip install --upgrade medkd" in shown
    assert "missing or broken: core" in shown


def test_data_and_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    assert not doctor.shared(tmp_path).well
    (tmp_path / "data").mkdir()
    assert doctor.shared(tmp_path).well
    assert doctor.disk(tmp_path, 10 * 2**30).well
    assert "0.5 GiB free" in str(doctor.disk(tmp_path, 2**29))
    monkeypatch.setenv("MEDKD_SHARED", str(tmp_path / "nowhere"))
    assert main(["doctor"]) == 0
    assert "- data        no real data in" in capsys.readouterr().out
