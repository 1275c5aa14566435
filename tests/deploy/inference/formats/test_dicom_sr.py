"""A real DICOM ECG is scored, and what was said of it is read back from a structured report by another library."""

from __future__ import annotations

import json
import logging
import shutil
import stat
from pathlib import Path

import polars as pl
import pytest
from pydicom import Dataset, dcmread

from medkd import registry
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.formats.dicom_sr import Reports, write_dicom_sr
from medkd.deploy.inference.items import Items, find_items
from medkd.deploy.inference.pseudonym import Pseudonyms
from tests.deploy.conftest import predict


@pytest.fixture(scope="module")
def source(shared: Path) -> Path:
    return shared / "data" / "ecg" / "formats" / "dicom" / "waveform_ecg.dcm"


@pytest.fixture(scope="module")
def scored(
    source: Path, shared: Path, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Bundle, Items]:
    """Three DICOM objects and a WFDB record, scored by one run.

    As it came, without a study id, and without a study at all.
    """
    folder = tmp_path_factory.mktemp("records")
    shutil.copy(source, folder / "rossi^mario.dcm")
    bare, broken = dcmread(source), dcmread(source)
    for name in ("StudyID", "AccessionNumber", "PatientBirthDate"):
        delattr(bare, name)
    bare.save_as(folder / "bare.dcm")
    del broken.StudyInstanceUID
    broken.save_as(folder / "broken.dcm")
    for suffix in (".hea", ".mat"):
        shutil.copy(shared / "data" / "ecg" / "formats" / "cinc2021_wfdb_mat" / f"JS20000{suffix}", folder)
    out = tmp_path_factory.mktemp("scores") / "run"
    predict(bundle_folder, folder, out, workers=1)
    bundle = Bundle.load(bundle_folder)
    return out, bundle, find_items(folder, bundle.modalities, registry=registry)


def numbers(report: Dataset) -> list[Dataset]:
    return [item for item in report.ContentSequence if item.ValueType == "NUM"]


def test_each_dicom_record_has_a_report_and_the_others_are_named(
    scored: tuple[Path, Bundle, Items], source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, bundle, items = scored
    out = shutil.copytree(run, tmp_path / "run")
    with caplog.at_level(logging.INFO, logger="medkd.deploy"):
        assert write_dicom_sr(out, bundle, items) == Reports(written=2, failed=1, others=1)
    folder = out / "sr"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    failed = pl.read_csv(folder / "failed.csv")
    assert failed["item"].to_list() == ["broken"]
    assert "StudyInstanceUID" in failed["reason"][0]
    names = Pseudonyms.for_folder(out)
    path = folder / f"{names.hash('rossi^mario').removeprefix('id:')}.dcm"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any("rossi" in file.name for file in folder.iterdir())
    assert "broken" not in caplog.text
    given, report = dcmread(source), dcmread(path)
    assert report.SOPClassUID.name == "Comprehensive SR Storage"
    for name in ("PatientID", "PatientName", "PatientSex", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber"):
        assert report[name].value == given[name].value
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    (number,) = numbers(report)
    value = pl.read_parquet(out / "predictions.parquet").filter(pl.col("sample_id") == "rossi^mario")["p_cal_brugada"][
        0
    ]
    assert float(number.MeasuredValueSequence[0].NumericValue) == pytest.approx(value, rel=1e-5)
    assert number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "{probability}"
    pointers = [item for item in number.ContentSequence if item.ValueType == "WAVEFORM"]
    assert [item.RelationshipType for item in pointers] == ["INFERRED FROM"]
    assert pointers[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == given.SOPInstanceUID
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert [one.ReferencedSOPInstanceUID for one in evidence] == [given.SOPInstanceUID]
    words = json.dumps(report.to_json_dict())
    assert bundle.model_sha256 in words
    assert bundle.bundle_sha256 in words
    assert "not a medical device" in words


def test_what_a_source_lacks_is_left_empty(scored: tuple[Path, Bundle, Items], tmp_path: Path) -> None:
    run, bundle, items = scored
    out = shutil.copytree(run, tmp_path / "run")
    write_dicom_sr(out, bundle, items)
    report = dcmread(out / "sr" / f"{Pseudonyms.for_folder(out).hash('bare').removeprefix('id:')}.dcm")
    assert report.PatientID == "642341"
    assert (report.StudyID, report.AccessionNumber, report.PatientBirthDate) == ("", "", "")


def test_a_second_call_goes_on(scored: tuple[Path, Bundle, Items], tmp_path: Path) -> None:
    run, bundle, items = scored
    out = shutil.copytree(run, tmp_path / "run")
    write_dicom_sr(out, bundle, items)
    one, two = sorted((out / "sr").glob("*.dcm"))
    before, uid = two.read_bytes(), dcmread(one).SOPInstanceUID
    one.unlink()
    assert write_dicom_sr(out, bundle, items).written == 2
    assert two.read_bytes() == before
    assert dcmread(one).SOPInstanceUID == uid
