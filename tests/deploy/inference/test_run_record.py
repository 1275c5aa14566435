"""The record of a run: what it states is true, and it names nobody."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.plan import read_plan
from medkd.deploy.inference.run_record import read_run_record
from medkd.errors import InputError
from tests.deploy.conftest import predict


@pytest.fixture
def run(bundle_folder: Path, brugada: Path, tmp_path: Path) -> Path:
    """A run over one real record and one that is not there."""
    (tmp_path / "list.csv").write_text("sample_id,subject_id,ecg\nrossi,mario,1009874\ngone,luigi,nowhere\n")
    for file in (brugada / "files" / "1009874").iterdir():
        (tmp_path / file.name).symlink_to(file)
    predict(bundle_folder, tmp_path / "list.csv", tmp_path / "out", devices="cpu")
    return tmp_path / "out"


def test_it_states_what_was_computed(bundle_folder: Path, run: Path) -> None:
    record, bundle = read_run_record(run), Bundle.load(bundle_folder)
    assert record.plan == read_plan(run / "plan.json")
    assert (record.bundle_sha256, record.model_sha256) == (bundle.bundle_sha256, bundle.model_sha256)
    table = (run / "predictions.parquet").read_bytes()
    assert record.predictions_sha256 == hashlib.sha256(table).hexdigest()
    assert (record.target_config, record.threshold) == (bundle.target, bundle.threshold)
    assert (record.counts.items, record.counts.ok, record.counts.quarantined) == (2, 1, 1)
    assert (record.source, record.engine, record.signed_by) == ("manifest", "local", None)
    assert [item.item[:3] for item in record.quarantined] == ["id:"]
    text = (run / "run.json").read_text()
    assert not any(name in text for name in ("rossi", "mario", "gone", "luigi", "nowhere"))


def test_a_record_that_cannot_be_used_is_refused(run: Path) -> None:
    good: dict[str, Any] = json.loads((run / "run.json").read_text())
    assert read_run_record(run).counts.ok == 1
    for change, message in (
        ({"schema_version": 2}, "another version of medkd"),
        ({"counts": {"items": 2}}, "no 'counts.ok'"),
        ({"color": 1}, "unknown key 'color'"),
    ):
        (run / "run.json").write_text(json.dumps({**good, **change}))
        with pytest.raises(InputError, match=message):
            read_run_record(run)
    (run / "run.json").unlink()
    with pytest.raises(InputError, match=r"no such file: run\.json"):
        read_run_record(run)


def test_a_record_of_an_earlier_version_without_counts_of_files_is_read(run: Path, tmp_path: Path) -> None:
    document = json.loads((run / "run.json").read_text())
    for name in ("files", "excluded"):
        document.pop(name)
    (tmp_path / "run.json").write_text(json.dumps(document))
    record = read_run_record(tmp_path)
    assert (record.files, record.excluded) == (None, [])
