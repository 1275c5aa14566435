"""A bundle is what was fitted, byte for byte, and nothing else is ever opened."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.special import expit

from medkd.data.core.view import Part
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import write_sums
from medkd.errors import InputError, RecordError
from medkd.modalities.ecg import ECG
from tests.deploy.conftest import CALIBRATION, REPORT, save_learner


@pytest.fixture
def copy(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


def test_it_scores_as_the_network_and_the_statistics_do(bundle_folder: Path, brugada: Path) -> None:
    bundle = Bundle.load(bundle_folder)
    row = {"ecg": "files/1009874/1009874"}
    prepared = bundle.prepare(row, brugada)
    ecg = ECG(seconds=10.0)
    values = ecg.prepare(ecg.select(ecg.read(row, brugada), Part("ecg", ("I",))))
    assert np.allclose(prepared["ecg"], (values[None] - np.float32(0.01)) / np.float32(0.2), atol=1e-5)
    logit = bundle.logits([prepared])
    raw, calibrated = bundle.probabilities([prepared])
    assert np.allclose(raw, expit(logit))
    assert np.allclose(calibrated, expit(logit / 1.7))
    assert 0.01 < raw[0, 0] < 0.99
    assert bundle.threshold == {"brugada": 0.31}
    assert not bundle.network.training


def test_a_record_scores_alike_whatever_stands_beside_it(bundle_folder: Path, brugada: Path) -> None:
    bundle = Bundle.load(bundle_folder)
    names = sorted(path.name for path in (brugada / "files").iterdir())[:9]
    prepared = [bundle.prepare({"ecg": f"files/{name}/{name}"}, brugada) for name in names]
    together = bundle.logits(prepared, rows=4)
    for place in range(9):
        alone = bundle.logits([prepared[place] if index == place else None for index in range(9)], rows=4)
        assert alone[place] == together[place]
        assert np.isnan(np.delete(alone, place, axis=0)).all()
    assert np.abs(together - bundle.logits(prepared)).max() < 1e-5
    assert np.ptp(together) > 0.1


def test_a_longer_record_is_the_mean_of_its_windows(learner: Path, brugada: Path, tmp_path: Path) -> None:
    short = save_learner(tmp_path / "short", ECG(seconds=5.0))
    cropped = Bundle.write(tmp_path / "cropped", short, CALIBRATION, REPORT)
    whole = Bundle.write(tmp_path / "whole", short, CALIBRATION, REPORT, length={"longer": "windows"})
    row = {"ecg": "files/1009874/1009874"}
    assert cropped.prepare(row, brugada)["ecg"].shape == (1, 1, 500)
    windows = whole.prepare(row, brugada)["ecg"]
    assert windows.shape == (3, 1, 500)
    each = whole.logits([{"ecg": window[None]} for window in windows])
    other = whole.prepare({"ecg": "files/1013884/1013884"}, brugada)
    assert np.allclose(whole.logits([None, {"ecg": windows}, other], rows=2)[1], each.mean(axis=0), atol=1e-6)
    assert "longer records: windows" in (tmp_path / "whole" / "CARD.md").read_text()
    with pytest.raises(InputError, match="longer is 'stretch'"):
        Bundle.write(tmp_path / "none", short, CALIBRATION, REPORT, length={"longer": "stretch"})
    assert not (tmp_path / "none").exists()


def test_sums_can_be_checked_without_us(bundle_folder: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum here")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=bundle_folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout.count(": OK") == len(list(bundle_folder.iterdir())) - 1 >= 7


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml",
        "preprocess.yaml",
        "calibration.json",
        "model.safetensors",
        "CARD.md",
        "card.json",
        "report.json",
        "SHA256SUMS",
    ],
)
def test_a_changed_a_missing_and_an_extra_byte_are_refused(copy: Path, name: str) -> None:
    kept = (copy / name).read_bytes()
    for spoil in (
        _flip,
        Path.unlink,
        lambda path: path.write_bytes(kept + b"\n"),
        lambda path: path.write_bytes(kept[:-1]),
    ):
        spoil(copy / name)
        with pytest.raises(InputError) as caught:
            Bundle.load(copy)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value) or name == "SHA256SUMS"
        (copy / name).write_bytes(kept)
    Bundle.load(copy)


def test_a_file_that_the_sums_do_not_list_is_refused(copy: Path) -> None:
    (copy / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"extra file 'notes\.txt'"):
        Bundle.load(copy)
    with pytest.raises(InputError, match="is not a bundle"):
        Bundle.load(copy.parent)
    with pytest.raises(InputError, match="no such bundle"):
        Bundle.load(copy / "nowhere")


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a file and its checksum with it: what someone would do who means to."""
    is_json = path.suffix == ".json"
    document = json.loads(path.read_text()) if is_json else yaml.safe_load(path.read_text())
    change(document)
    path.write_text(json.dumps(document) if is_json else yaml.safe_dump(document))
    write_sums(path.parent)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.yaml", lambda d: d.update(schema_version=2), "schema_version 2 is newer than 1"),
        ("preprocess.yaml", lambda d: d.update(schema_version=7), "newer"),
        ("calibration.json", lambda d: d.update(schema_version=3), "newer"),
        ("config.yaml", lambda d: d.pop("schema_version"), "no schema_version"),
        ("config.yaml", lambda d: d.update(netwrok=1), "Did you mean 'network'"),
        ("config.yaml", lambda d: d.pop("target"), "no 'target'"),
        ("config.yaml", lambda d: d["target"].update(kind="fate"), "target.kind is 'fate'"),
        (
            "config.yaml",
            lambda d: d["network"].update(class_path="os.system", init_args={"command": "touch oops"}),
            "outside the allowed packages",
        ),
        (
            "config.yaml",
            lambda d: d["network"]["init_args"].update(channels={"class_path": "subprocess.Popen"}),
            "outside the allowed packages",
        ),
        (
            "preprocess.yaml",
            lambda d: d["modalities"]["ecg"].update(class_path="medkd_evil.ECG"),
            "outside the allowed packages",
        ),
        (
            "preprocess.yaml",
            lambda d: d["modalities"]["ecg"].update(class_path="medkd.networks.resnet1d.ResNet1d"),
            "is not a Modality",
        ),
        ("config.yaml", lambda d: d["network"]["init_args"].update(variant="xresnet1d50"), "weights do not fit"),
        ("preprocess.yaml", lambda d: d.update(view="ecg[I,II]"), "statistics have 1 values, the view has shape"),
        ("preprocess.yaml", lambda d: d.update(view="eeg"), "modalities lacks 'eeg'"),
        ("preprocess.yaml", lambda d: d["statistics"]["ecg"].update(std=[0.0]), "a deviation of 0"),
        ("preprocess.yaml", lambda d: d["statistics"]["ecg"].pop("mean"), "no 'statistics.ecg.mean'"),
        ("calibration.json", lambda d: d.update(temperature=0), "temperature is 0"),
        ("calibration.json", lambda d: d.update(threshold={"brugadda": 0.5}), "Did you mean 'brugada'"),
        ("calibration.json", lambda d: d.update(threshold=7), "is 7"),
        ("calibration.json", lambda d: d.update(conformal={"coverage": 0.9}), "no 'quantiles'"),
    ],
)
def test_a_document_that_cannot_be_used_ends_in_one_line(
    copy: Path, name: str, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    _edit(copy / name, change)
    with pytest.raises(InputError) as caught:
        Bundle.load(copy)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("oops").exists()


def test_yaml_cannot_run_anything(copy: Path) -> None:
    (copy / "config.yaml").write_text('schema_version: 1\nnetwork: !!python/object/apply:os.system ["touch oops"]\n')
    write_sums(copy)
    with pytest.raises(InputError, match="cannot be parsed"):
        Bundle.load(copy)
    assert not Path("oops").exists()


def test_a_record_without_the_modality_is_set_aside(bundle_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="has no ecg"):
        Bundle.load(bundle_folder).prepare({"ecg": None}, tmp_path)


def test_weights_are_copied_as_they_are(bundle_folder: Path, learner: Path) -> None:
    assert (bundle_folder / "model.safetensors").read_bytes() == (learner / "model.safetensors").read_bytes()
    bundle = Bundle.load(bundle_folder)
    assert not any(parameter.requires_grad for parameter in bundle.network.parameters())


def test_sets_and_drift_come_with_it(full_bundle: Path, brugada: Path) -> None:
    bundle = Bundle.load(full_bundle)
    assert bundle.sets(np.array([[0.5], [0.3], [0.9], [np.nan]])) == ["brugada", "not brugada", "brugada", None]
    assert bundle.sets(np.array([[0.42]])) == ["abstains"]
    drift = bundle.drift_of(bundle.prepare({"ecg": "files/1009874/1009874"}, brugada))
    assert drift is not None
    assert 0 < drift < 2
    assert bundle.drift_of({"ecg": np.zeros((1, 1, 1000), np.float32)}) > 1  # type: ignore[operator]


def test_a_bundle_of_the_version_before_still_scores(copy: Path) -> None:
    _edit(copy / "calibration.json", lambda d: (d.pop("conformal"), d.update(schema_version=1)))
    bundle = Bundle.load(copy)
    assert bundle.threshold == {"brugada": 0.31}
    assert (bundle.conformal, bundle.drift) == (None, None)
    assert bundle.sets(np.zeros((2, 1))) == [None, None]
    assert bundle.drift_of({"ecg": np.zeros((1, 1, 1000), np.float32)}) is None


def test_a_drift_reference_that_was_changed_is_refused(full_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(full_bundle, tmp_path / "copy"))
    _edit(copy / "drift.json", lambda d: d.update(bound=-1))
    with pytest.raises(InputError, match=r"bound is -1 .*drift\.json"):
        Bundle.load(copy)
    _edit(copy / "drift.json", lambda d: d.update(bound=1, sample_ids=["17"]))
    with pytest.raises(InputError, match="unknown key 'sample_ids'"):
        Bundle.load(copy)
