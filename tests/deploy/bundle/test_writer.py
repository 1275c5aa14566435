"""A bundle is written whole or not at all, the same bytes each time, over nothing but a bundle, without patients."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import SUMS, read_checked
from medkd.deploy.bundle.writer import refuse_other_content, write_files
from medkd.errors import InputError
from medkd.modalities.ecg import ECG
from tests.deploy.conftest import CALIBRATION, REPORT, save_learner


@pytest.fixture
def copy(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


@pytest.fixture
def without_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """The export to ONNX takes seconds, and is tested in its own place."""
    monkeypatch.setattr("medkd.deploy.bundle.writer.export", lambda network, preprocessing: (None, "not asked for"))


def write(folder: Path, learner: Path, report: dict[str, Any] = REPORT, **change: Any) -> Path:
    """The writer alone, which does not load what it wrote."""
    folder.mkdir()
    nothing: dict[str, Any] = {"card": {}, "provenance": {}, "length": {}, "drift": None, "trust": ()}
    write_files(folder, learner, CALIBRATION, report, **nothing | change)
    return folder


def test_writing_again_gives_the_same_bytes_and_replaces_only_a_bundle(
    learner: Path, bundle_folder: Path, copy: Path, tmp_path: Path
) -> None:
    Bundle.write(
        copy, learner, CALIBRATION, REPORT, card={"licence": "CC BY-SA 4.0"}, provenance={"bundle_stage": "refit"}
    )
    assert (copy / "SHA256SUMS").read_bytes() == (bundle_folder / "SHA256SUMS").read_bytes()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("all my work")
    with pytest.raises(InputError, match="something other than a bundle"):
        Bundle.write(tmp_path / "thesis", learner, CALIBRATION, REPORT)
    assert (tmp_path / "thesis" / "chapter").exists()


def test_it_holds_no_patient(bundle_folder: Path, learner: Path, tmp_path: Path) -> None:
    for path in bundle_folder.iterdir():
        assert b"patient-17" not in path.read_bytes()
    rows = REPORT | {"worst": [{"sample_id": "patient-17", "score": 0.9}]}
    with pytest.raises(InputError, match="'sample_id' does not belong in a bundle"):
        Bundle.write(tmp_path / "out", learner, CALIBRATION, rows)
    assert not (tmp_path / "out").exists()


def test_nothing_is_half_written_when_the_weights_do_not_fit(learner: Path, tmp_path: Path) -> None:
    other = {
        "class_path": "medkd.networks.resnet1d.ResNet1d",
        "init_args": {"channels": 1, "outputs": 1, "widths": [8, 8, 8, 8]},
    }
    save_learner(tmp_path / "learner", ECG(), network=other)
    with pytest.raises(InputError, match="weights do not fit the network"):
        Bundle.write(tmp_path / "out", tmp_path / "learner", CALIBRATION, REPORT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learner"]
    with pytest.raises(InputError, match=r"holds no learner\.yaml"):
        Bundle.write(tmp_path / "out", tmp_path, CALIBRATION, REPORT)


@pytest.mark.usefixtures("without_graph")
def test_of_a_leak_check_the_outcome_is_kept_and_the_offenders_are_not(learner: Path, tmp_path: Path) -> None:
    one = REPORT | {"leak_audit": [{"check": "copies", "passed": False, "detail": "patient-17"}]}
    other = REPORT | {"leak_audit": [{"check": "copies", "passed": False, "detail": "patient-99", "count": 3}]}
    first, second = write(tmp_path / "one", learner, one), write(tmp_path / "other", learner, other)
    assert json.loads((first / "report.json").read_text())["leak_audit"] == [{"check": "copies", "passed": False}]
    assert (first / SUMS).read_bytes() == (second / SUMS).read_bytes()


@pytest.mark.usefixtures("without_graph")
def test_the_folders_name_is_in_no_byte(learner: Path, tmp_path: Path) -> None:
    first, second = write(tmp_path / "one", learner), write(tmp_path / "a_hospital", learner)
    assert read_checked(first) == read_checked(second)


@pytest.mark.parametrize("document", ["report", "calibration", "drift", "card"])
@pytest.mark.usefixtures("without_graph")
def test_no_document_can_bring_rows_of_patients(learner: Path, tmp_path: Path, document: str) -> None:
    rows = {"somewhere": [{"Subject_ID": "patient-17"}]}
    with pytest.raises(InputError, match=r"'Subject_ID'|'somewhere'") as refused:
        Bundle.write(
            tmp_path / "out",
            learner,
            CALIBRATION | ({"operating_point": rows} if document == "calibration" else {}),
            REPORT | (rows if document == "report" else {}),
            drift=rows if document == "drift" else None,
            card={"participants": rows} if document == "card" else None,
        )
    assert "patient-17" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_may_be_filled_and_a_file_may_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    refuse_other_content(tmp_path / "empty")
    refuse_other_content(tmp_path / "nowhere")
    with pytest.raises(InputError, match="something other than a bundle"):
        refuse_other_content(tmp_path / "file")
