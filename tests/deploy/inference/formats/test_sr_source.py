"""DICOM objects that depart from the standard: what a report needs is named, and what it does not is left empty."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydicom import Dataset, dcmread

from medkd import registry
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.formats.dicom_sr import write_dicom_sr
from medkd.deploy.inference.formats.sr_source import read_source
from medkd.deploy.inference.items import find_items
from medkd.deploy.inference.pseudonym import Pseudonyms
from medkd.errors import RecordError
from tests.deploy.conftest import predict

Departing = Callable[..., Path]


@pytest.fixture(autouse=True)
def _writes_what_is_wrong() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def departing(shared: Path, tmp_path: Path) -> Departing:
    """Writes the real object, with attributes replaced, or removed by None."""

    def write(name: str = "it.dcm", **attributes: Any) -> Path:
        source = dcmread(shared / "data" / "ecg" / "formats" / "dicom" / "waveform_ecg.dcm")
        for keyword, value in attributes.items():
            if value is None:
                delattr(source, keyword)
            else:
                setattr(source, keyword, value)
        path = tmp_path / "records" / name
        path.parent.mkdir(exist_ok=True)
        source.save_as(path)
        return path

    return write


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"SeriesInstanceUID": None}, "has no SeriesInstanceUID. A report refers to it: add SeriesInstanceUID"),
        ({"StudyInstanceUID": ""}, "has no StudyInstanceUID. A report refers to it"),
        ({"StudyInstanceUID": "study 7"}, "its StudyInstanceUID is not a UID. Correct StudyInstanceUID"),
        ({"PatientID": "17\\18"}, "its PatientID holds several values"),
        (
            {"SpecificCharacterSet": "KOI8-R", "PatientName": b"\xe9\xd7\xc1\xce"},
            "its SpecificCharacterSet 'KOI8-R' is not one that DICOM defines. Correct it, such as ISO_IR 100",
        ),
    ],
)
def test_what_a_report_cannot_do_without_is_named_with_what_to_do(
    departing: Departing, attributes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RecordError) as caught:
        read_source(departing(**attributes))
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientBirthDate", "unknown"),
        ("PatientBirthDate", "01.02.1970"),
        ("PatientBirthDate", "19700230"),
        ("StudyDate", "2024-13-01"),
        ("StudyTime", "25:61"),
        ("PatientSex", "weiblich"),
        ("PatientAge", "fifty"),
    ],
)
def test_what_only_describes_does_not_stop_a_report(departing: Departing, keyword: str, value: str) -> None:
    source = read_source(departing(**{keyword: value}))
    assert source.get(keyword, "") == ""
    assert source.PatientID == "642341"


@pytest.mark.parametrize(
    ("name", "content"),
    [("ISO 8859-1", b"M\xfcller^Eva"), ("ISO-IR 100", b"M\xfcller^Eva"), ("utf-8", "Müller^Eva".encode())],
)
def test_a_character_set_that_is_written_otherwise_is_read(departing: Departing, name: str, content: bytes) -> None:
    source = read_source(departing(SpecificCharacterSet=name, PatientName=content))
    assert str(source.PatientName) == "Müller^Eva"
    assert source.SpecificCharacterSet in ("ISO_IR 100", "ISO_IR 192")


def test_an_unknown_character_set_of_plain_ascii_does_not_matter(departing: Departing) -> None:
    assert (
        str(read_source(departing(SpecificCharacterSet="OURS", PatientName="Muller^Eva")).PatientName) == "Muller^Eva"
    )


def test_reports_of_such_objects_and_reasons_in_our_words(
    departing: Departing, bundle_folder: Path, tmp_path: Path
) -> None:
    departing("date.dcm", PatientBirthDate="19XX0101")
    departing("set.dcm", SpecificCharacterSet="ISO 8859-1", PatientName=b"M\xfcller^Eva")
    departing("series.dcm", SeriesInstanceUID=None)
    out, bundle = tmp_path / "out", Bundle.load(bundle_folder)
    predict(bundle_folder, tmp_path / "records", out, workers=1)
    reports = write_dicom_sr(out, bundle, find_items(tmp_path / "records", bundle.modalities, registry=registry))
    assert (reports.written, reports.failed) == (2, 1)
    failed = pl.read_csv(out / "sr" / "failed.csv")
    assert failed["item"].to_list() == ["series"]
    assert "Error" not in failed["reason"][0]

    def report(item: str) -> Dataset:
        return dcmread(out / "sr" / f"{Pseudonyms.for_folder(out).hash(item).removeprefix('id:')}.dcm")

    assert report("date").PatientBirthDate == ""
    assert str(report("set").PatientName) == "Müller^Eva"
    assert report("set").SpecificCharacterSet == "ISO_IR 100"
    shutil.rmtree(out)
