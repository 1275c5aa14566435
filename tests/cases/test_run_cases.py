"""Shared cases of runs: what is found is accounted for, one bad item never stops a run, and words are our own.

Each is written by its own ``make.py``; its ``expect.md`` says what is right.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from fhir.resources.R4B import get_fhir_model_class

from medkd.cli import main

Case = Callable[[str], Path]
PYTHON_WORDS = ("Error", "Traceback", "codec", "object has no attribute", "literal", "NoneType", "not foreseen")


@pytest.fixture
def case(shared: Path, tmp_path: Path) -> Case:
    """Writes the input of a case."""

    def write(name: str) -> Path:
        folder = shared / "cases" / name
        if not folder.is_dir():
            pytest.skip(f"no shared case {name}")
        out = tmp_path / "input"
        done = subprocess.run(
            [sys.executable, str(folder / "make.py"), str(out)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return out

    return write


@pytest.fixture
def bundle(fast_run: Path) -> Path:
    """It sees ecg[I]."""
    return fast_run / "bundle"


@pytest.fixture
def medkd(tmp_path: Path) -> dict[str, str]:
    """An environment in which a case's ``run.sh`` finds the command."""
    program = tmp_path / "bin" / "medkd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m medkd.cli "$@"\n')
    program.chmod(0o700)
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}


def counted(out: Path) -> dict[str, int]:
    return dict(json.loads((out / "run.json").read_text())["counts"])


def in_our_words(*texts: str) -> None:
    assert [word for word in PYTHON_WORDS if any(word in text for text in texts)] == []


def test_g10_every_file_is_an_item_or_counted_as_not_read(
    case: Case, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = case("g10_dicom_without_suffix"), tmp_path / "out"
    assert main(["predict", str(bundle), str(folder), "--out", str(out)]) == 0
    record = json.loads((out / "run.json").read_text())
    files = record["files"]
    assert files["found"] == 6
    assert files["of_items"] + sum(files["not_read"].values()) == 6
    assert files["not_read"][".csv"] == 1
    assert record["counts"]["items"] == files["of_items"]
    said = capsys.readouterr().out
    assert f"not read: {sum(files['not_read'].values())} files that belong to no record (" in said


def test_g14_a_name_that_is_not_utf8_is_set_aside(
    case: Case, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = case("g14_name_bytes"), tmp_path / "out"
    assert main(["predict", str(bundle), str(folder), "--out", str(out)]) == 0
    assert pl.read_csv(out / "predictions.csv")["sample_id"].to_list() == ["plain"]
    ((name, reason),) = pl.read_csv(out / "quarantine.csv").rows()
    assert name.removesuffix(".hea") == "M\\xfcller"
    assert reason == "its name is not UTF-8. Rename the file."
    assert (counted(out)["items"], counted(out)["quarantined"]) == (2, 1)
    in_our_words(capsys.readouterr().err)


def test_g15_empty_rows_are_no_items(case: Case, bundle: Path, tmp_path: Path) -> None:
    folder, out = case("g15_manifest_empty_rows"), tmp_path / "out"
    assert main(["predict", str(bundle), str(folder / "manifest.csv"), "--out", str(out)]) == 0
    assert pl.read_csv(out / "predictions.csv", infer_schema=False)["sample_id"].to_list() == ["00017", "00018"]
    assert counted(out) == {"items": 2, "ok": 2, "quarantined": 0, "chunks": 1}


@pytest.mark.parametrize("name", ["pos_neg", "y_n", "ja_nein"])
def test_g24_outcomes_in_words_count_or_are_refused_with_what_to_write(
    case: Case, bundle: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = case("g24_outcomes_in_words"), tmp_path / "out"
    assert main(["predict", str(bundle), str(folder / "records"), "--out", str(out)]) == 0
    words = [
        "--predictions",
        str(out),
        "--outcomes",
        str(folder / f"{name}.csv"),
        "--out",
        str(tmp_path / "ev"),
        "--fast",
    ]
    status = main(["evaluate", str(bundle), *words])
    said = capsys.readouterr().err
    if name == "ja_nein":
        assert status == 2
        assert "12 outcomes are neither 0 nor 1, such as 'ja'" in said
        assert "Write 1 or 0" in said
        assert "quarantine" not in said
    else:
        assert status == 0, said
        evaluation = json.loads((tmp_path / "ev" / "evaluation.json").read_text())
        assert evaluation["n"]["labelled"] == 12


def test_g25_reasons_name_the_attribute_and_what_to_do(case: Case, bundle: Path, tmp_path: Path) -> None:
    folder, out = case("g25_sr_reasons"), tmp_path / "out"
    assert main(["predict", str(bundle), str(folder), "--out", str(out), "--dicom-sr"]) == 0
    failed = pl.read_csv(out / "sr" / "failed.csv")
    assert failed["item"].to_list() == ["no_study"]
    assert failed["reason"][0].startswith("has no StudyInstanceUID. A report refers to it: add StudyInstanceUID")
    in_our_words(*failed["reason"].to_list())
    assert len(list((out / "sr").glob("*.dcm"))) == 3


def test_g27_scores_are_the_fitted_models_and_its_log_stays(
    case: Case, fast_run: Path, tmp_path: Path, medkd: dict[str, str]
) -> None:
    first, *others = (case("g27_validate_untrained") / "run.sh").read_text().splitlines()[1:]
    assert first.startswith("medkd distill ")
    # In its place a fit of the run that the tests share, and a shorter fit after it: minutes less, the same commands.
    fit = tmp_path / "run" / "labels1" / "seed0" / "student-fold0"
    shutil.copytree(next(fast_run.glob("labels*/seed0/student-fold0")), fit)
    text = (fit / "fit.yaml").read_text()
    root = next(line.split()[1] for line in text.splitlines() if "default_root_dir" in line)
    (fit / "fit.yaml").write_text(text.replace(f"{root}\n", f"{fit}\n").replace(f"{root}/ch", f"{fit}/ch"))
    script = "\n".join(["set -e", *others]).replace("max_epochs 30", "max_epochs 2").replace("steps 60", "steps 4")
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=medkd, capture_output=True, text=True, check=False)
    # The last command asks for a checkpoint that is not there: the script ends with it, after all the others.
    assert done.returncode == 2, done.stdout + done.stderr
    assert "there is no last checkpoint" in done.stderr
    (validated,) = (tmp_path / "run").rglob("logs/validate/metrics.csv")
    fitted = validated.parents[1] / "metrics.csv"
    assert fitted.read_bytes() == (tmp_path / "before.csv").read_bytes()
    score, last = (pl.read_csv(path)["val/score"].drop_nulls()[-1] for path in (validated, fitted))
    assert score == pytest.approx(last, rel=1e-5)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the case asks with curl")
def test_g34_below_a_path_nothing_leads_out_of_it(
    case: Case, bundle: Path, fast_run: Path, tmp_path: Path, medkd: dict[str, str]
) -> None:
    folder = case("g34_subpath")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    script = (folder / "run.sh").read_text()
    for word, replacement in (
        ("BUNDLE", str(bundle)),
        ("RECORDS", str(fast_run)),
        ("7991 &", f"{port} --root-path /ecg &"),
        ("7991", port),
        ("sleep 60", f"for i in $(seq 120); do curl -sf http://127.0.0.1:{port}/healthz && break; sleep 1; done"),
    ):
        assert word in script
        script = script.replace(word, replacement)
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=medkd, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert f"http://127.0.0.1:{port}/ecg/login" in lines, done.stdout + done.stderr
    assert [line for line in lines if line.startswith(("href", "action"))] == [
        'href="data:,"',
        'href="/ecg/login.css"',
        'action="/ecg/login"',
    ]


def test_g35_fhir_is_one_type_a_file(case: Case, bundle: Path, tmp_path: Path) -> None:
    folder, out = case("g35_fhir_one_type_a_file"), tmp_path / "out"
    assert main(["predict", str(bundle), str(folder), "--out", str(out), "--fhir"]) == 0
    counts = {}
    for path in out.glob("*.ndjson"):
        resources = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert {one["resourceType"] for one in resources} == {path.stem}
        for one in resources:
            get_fhir_model_class(path.stem).model_validate(one)
        counts[path.name] = len(resources)
    assert counts == {"Device.ndjson": 1, "RiskAssessment.ndjson": 3}
