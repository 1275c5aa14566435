"""The whole way from records to tables, on real records."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from medkd.data.core.output import Output
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.command import main
from medkd.deploy.inference.plan import Plan
from medkd.errors import InputError
from medkd.modalities.ecg import ECG
from medkd.networks.resnet1d import ResNet1d
from tests.deploy.conftest import CALIBRATION, REPORT, predict, save_learner

NAMES = ("1009874", "1013884", "1023925", "999474")


@pytest.fixture
def records(brugada: Path, tmp_path: Path) -> Path:
    """Four real records in one folder."""
    folder = tmp_path / "records"
    for name in NAMES:
        shutil.copytree(brugada / "files" / name, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def undisturbed(bundle_folder: Path, brugada: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    predict(bundle_folder, brugada / "files", out)
    return out


def table(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "predictions.parquet").drop("seconds")


def test_scores_are_those_of_the_bundle(bundle_folder: Path, brugada: Path, undisturbed: Path) -> None:
    bundle = Bundle.load(bundle_folder)
    found = pl.read_parquet(undisturbed / "predictions.parquet")
    assert found.columns == [
        "sample_id",
        "p_brugada",
        "p_cal_brugada",
        "set",
        "drift",
        "model_sha256",
        "seconds",
        "status",
    ]
    assert found["sample_id"].is_sorted()
    assert set(found["status"]) == {"ok"}
    assert set(found["model_sha256"]) == {bundle.model_sha256}
    assert found["set"].null_count() == found["drift"].null_count() == 363
    assert found["seconds"].min() > 0
    for place in (0, 100, 362):
        name = found["sample_id"][place]
        raw, calibrated = bundle.probabilities([bundle.prepare({"ecg": name}, brugada / "files")])
        assert abs(found["p_brugada"][place] - raw[0, 0]) < 1e-6
        assert abs(found["p_cal_brugada"][place] - calibrated[0, 0]) < 1e-6
    as_text = pl.read_csv(undisturbed / "predictions.csv")
    assert as_text["p_cal_brugada"].to_list() == found["p_cal_brugada"].to_list()
    assert (undisturbed / "quarantine.csv").read_text() == "item,reason\n"


def test_files_are_their_owners_alone(undisturbed: Path) -> None:
    files = [path for path in undisturbed.rglob("*") if path.is_file()]
    assert {
        "predictions.parquet",
        "predictions.csv",
        "quarantine.csv",
        "run.json",
        "00000.parquet",
        "00001.parquet",
    } <= {p.name for p in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_shards_of_any_number_come_to_the_same_table(
    bundle_folder: Path, brugada: Path, undisturbed: Path, tmp_path: Path
) -> None:
    first = predict(bundle_folder, brugada / "files", tmp_path / "out", shard=(2, 2))
    assert not first.complete
    assert not (tmp_path / "out" / "predictions.parquet").exists()
    assert predict(bundle_folder, brugada / "files", tmp_path / "out", shard=(1, 2)).complete
    assert table(tmp_path / "out").equals(table(undisturbed))
    assert predict(bundle_folder, brugada / "files", tmp_path / "other", shard=(5, 9), workers=1).done == 0


def test_one_bad_record_is_set_aside_by_name_and_the_others_score_as_before(
    bundle_folder: Path,
    records: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    predict(bundle_folder, records, tmp_path / "before")
    data = (records / "1009874.dat").read_bytes()
    header = (records / "1009874.hea").read_text()
    bad = {
        "truncated17": (header, data[:1000]),
        "missing17": (header, None),
        "=leads17": (header.replace(" I\n", " X1\n"), data),
    }
    bad |= {"garbage17": ("what is this", data), "flat17": (header, bytes(len(data)))}
    for name, (text, content) in bad.items():
        (records / f"{name}.hea").write_text(text.replace("1009874", name))
        if content is not None:
            (records / f"{name}.dat").write_bytes(content)
    with caplog.at_level(logging.INFO):
        code = main(argparse.Namespace(bundle=bundle_folder, input=records, out=tmp_path / "out", trust=[]))
    assert code == 0
    printed = capsys.readouterr()
    assert "4 of 9 items scored" in printed.out
    assert "5 set aside" in printed.out
    assert table(tmp_path / "out").equals(table(tmp_path / "before"))
    reasons = dict(pl.read_csv(tmp_path / "out" / "quarantine.csv").rows())
    assert set(reasons) == {"truncated17", "missing17", "'=leads17", "garbage17", "flat17"}
    assert all(reasons.values())
    record = (tmp_path / "out" / "run.json").read_text()
    assert json.loads(record)["counts"] == {"items": 9, "ok": 4, "quarantined": 5, "chunks": 1}
    for name in (*bad, *NAMES):
        forms = name, name.removeprefix("=")
        assert not any(form in text for form in forms for text in (record, printed.out + printed.err, caplog.text))
    assert "id:" in caplog.text


def test_nothing_stays_where_nothing_could_be_read(bundle_folder: Path, records: Path, tmp_path: Path) -> None:
    for path in records.glob("*.dat"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="none of 4 items could be read") as caught:
        predict(bundle_folder, records, tmp_path / "out")
    assert caught.value.exit_code == 2
    assert "1009874" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_input_that_cannot_be_used_leaves_no_folder(bundle_folder: Path, records: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "a_file").write_text("")
    calls: list[tuple[dict[str, Any], str]] = [
        ({"source": tmp_path / "nowhere"}, "no such file or folder"),
        ({"bundle": records}, "is not a bundle"),
        ({"shard": (0, 4)}, "is not a shard"),
        ({"shard": "two"}, "is not a shard"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"workers": 0}, "--workers is 0"),
        ({"devices": "tpu"}, "no device 'tpu'"),
        ({"out": tmp_path / "a_file"}, "is a file"),
        ({"out": bundle_folder / "out"}, "lies in the bundle"),
    ]
    for change, message in calls:
        with pytest.raises(InputError, match=message):
            predict(**({"bundle": bundle_folder, "source": records, "out": out} | change))
    assert not out.exists()
    Bundle.load(bundle_folder)


def test_another_run_in_the_same_folder_is_refused(bundle_folder: Path, records: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict(bundle_folder, records, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    other = save_learner(tmp_path / "learner", ECG(seconds=8.0))
    Bundle.write(tmp_path / "other", other, CALIBRATION, REPORT)
    with pytest.raises(InputError, match="was begun with another bundle"):
        predict(tmp_path / "other", records, out)
    with pytest.raises(InputError, match="was begun with another batch size: 32"):
        predict(bundle_folder, records, out, batch_size=7)
    shutil.copy(records / "1009874.dat", records / "new.dat")
    (records / "new.hea").write_text((records / "1009874.hea").read_text().replace("1009874", "new"))
    with pytest.raises(InputError, match="was begun with another list of items"):
        predict(bundle_folder, records, out)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "predictions.csv").write_text("mine")
    with pytest.raises(InputError, match=r"holds a predictions\.csv"):
        predict(bundle_folder, records, tmp_path / "theirs")


def test_a_damaged_chunk_is_computed_again(bundle_folder: Path, records: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict(bundle_folder, records, out)
    good = table(out)
    chunk = out / "chunks" / "00000.parquet"
    chunk.write_bytes(chunk.read_bytes()[:-40])
    (out / "chunks" / ".00000.parquet.x.tmp").write_bytes(b"half")
    predict(bundle_folder, records, out)
    assert table(out).equals(good)
    assert [path.name for path in (out / "chunks").iterdir()] == ["00000.parquet"]
    assert json.loads((out / "run.json").read_text())["throughput"]["items"] == 4


def test_out_of_memory_halves_the_batch_and_is_recorded(
    bundle_folder: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(bundle_folder, records, tmp_path / "enough")
    forward = ResNet1d.forward

    def greedy(self: ResNet1d, signals: Any) -> Output:
        if len(signals["ecg"].values) > 2:
            torch.empty(1 << 50)
        return forward(self, signals)

    monkeypatch.setattr(ResNet1d, "forward", greedy)
    assert predict(bundle_folder, records, tmp_path / "little").scored == 4
    assert json.loads((tmp_path / "little" / "run.json").read_text())["batch_size"] == {"asked": 32, "smallest": 2}
    enough, little = table(tmp_path / "enough"), table(tmp_path / "little")
    assert np.allclose(enough["p_brugada"], little["p_brugada"], atol=1e-6)

    def insatiable(self: ResNet1d, signals: Any) -> Output:
        if signals["ecg"].values[0].abs().sum() > 0 and len(signals["ecg"].values) > 0:
            torch.empty(1 << 50)
        return forward(self, signals)

    monkeypatch.setattr(ResNet1d, "forward", insatiable)
    with pytest.raises(InputError, match="does not fit into memory, even alone"):
        predict(bundle_folder, records, tmp_path / "none")


def test_a_network_that_gives_nan_sets_its_item_aside(
    bundle_folder: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = ResNet1d.forward

    def broken(self: ResNet1d, signals: Any) -> Output:
        output = forward(self, signals)
        output.logits[0] = torch.nan
        return output

    monkeypatch.setattr(ResNet1d, "forward", broken)
    assert predict(bundle_folder, records, tmp_path / "out").quarantined == 1
    assert "not finite" in (tmp_path / "out" / "quarantine.csv").read_text()


def test_every_chunk_belongs_to_one_shard() -> None:
    plan = Plan(bundle_sha256="", items_sha256="", items=256 * 7 + 1, batch_size=32, device="cpu")
    assert plan.chunks == 8
    for parts in (1, 3, 8, 11):
        assert sorted(index for part in range(1, parts + 1) for index in plan.shard(part, parts)) == list(range(8))
