"""What ``medkd cohort`` says of a data set, and what it leaves."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.cli import main
from medkd.cohorts.demo_ecg import DemoECG
from medkd.data.splits.split import Split
from medkd.modalities.ecg import ECG

Typed = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return DemoECG.synthesise(tmp_path_factory.mktemp("demo") / "demo", subjects=60)


@pytest.fixture
def spoilt(demo: Path, tmp_path: Path) -> Path:
    """Two records truncated, and one recording under another subject's name."""
    root = Path(shutil.copytree(demo, tmp_path / "cohort"))
    for number in (7, 9):
        signal = root / f"records100/00000/{number:05d}_lr.dat"
        signal.write_bytes(signal.read_bytes()[:1000])
    one, other = (root / f"records100/00000/{number:05d}_lr" for number in (20, 40))
    shutil.copyfile(one.with_suffix(".dat"), other.with_suffix(".dat"))
    other.with_suffix(".hea").write_text(one.with_suffix(".hea").read_text().replace("00020_lr", "00040_lr"))
    return root


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """``medkd cohort`` with these words: exit code and what it printed."""

    def type_it(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["cohort", *map(str, words)])
        said = capsys.readouterr()
        assert said.err == ""
        return status, said.out

    return type_it


def row(text: str, name: str) -> list[str]:
    """Words of the table's line of that target."""
    return next(
        re.split(r" {2,}", line.strip())
        for line in text.splitlines()
        if line.strip().lstrip("*").startswith(f"{name} ")
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_brugada_is_described(shared: Path, typed: Typed) -> None:
    status, text = typed("describe", "brugada_huca", "--root", shared / "data/ecg/brugada-huca")
    assert status == 0
    assert row(text, "brugada")[2:] == ["Brugada pattern", "76", "363", "363", "76", "0"]
    for part in (
        "CC BY-SA 4.0",
        "kfold:5",
        "brugada is 1 or 2 in metadata.csv",
        "12 x 1000; channels I, II, III, aVR",
        "sex not given",
    ):
        assert part in text


def test_ptbxl_is_described(shared: Path, typed: Typed) -> None:
    status, text = typed(
        "describe", "ptbxl", "--root", shared / "data/ecg/ptbxl", "--target", "cd", "--protocol", "official"
    )
    assert status == 0
    assert "*CD" in text
    assert row(text, "CD")[-5:] == ["78", "488", "460", "74", "0"]
    assert row(text, "MI")[-5] == "73"
    assert re.search(r"500  samples found\n +12  no diagnostic statement\n +488  samples kept", text)
    assert "protocol  official" in text
    assert "age 50 years" in text
    assert "sex female: 236, male: 224" in text
    assert max(map(len, text.splitlines())) < 140


@pytest.mark.parametrize(
    ("name", "folder", "said"),
    [("brugada_huca", "brugada-huca", "4 subjects share"), ("ptbxl", "ptbxl", "460 subjects")],
)
def test_real_cohorts_pass(shared: Path, typed: Typed, name: str, folder: str, said: str) -> None:
    status, text = typed("check", name, "--root", shared / "data/ecg" / folder)
    assert status == 0
    assert said in text
    assert "FAILED" not in text


def test_a_sound_demo_passes_and_leaves_nothing(demo: Path, typed: Typed, tmp_path: Path) -> None:
    status, text = typed("check", "demo_ecg", "--root", demo)
    assert status == 0
    assert "63 records of ecg can be read and prepared" in text
    assert list(tmp_path.iterdir()) == []


def test_a_check_counts_on_the_terminal_and_names_in_private_files(spoilt: Path, typed: Typed, tmp_path: Path) -> None:
    root = spoilt
    status, text = typed("check", "demo_ecg", "--root", root, "--out", tmp_path / "names")
    assert status == 1
    assert "FAILED  2 of 63 records of ecg cannot be used" in text
    assert re.search(r"\n +2  ECG of record \.\.\. cannot be read", text)
    assert "note    1 subjects share a recording with another" in text
    assert not re.search(r"0000[79]|00020|00040", text)
    unusable = pl.read_csv(tmp_path / "names/unusable.csv", infer_schema=False)
    assert unusable["sample_id"].to_list() == ["00007", "00009"]
    shared_recording = pl.read_csv(tmp_path / "names/same_recording.csv", infer_schema=False)
    database = pl.read_csv(root / "ptbxl_database.csv", infer_schema=False)
    subject = dict(database.select("ecg_id", pl.col("patient_id").str.strip_suffix(".0")).iter_rows())
    assert shared_recording.rows() == [(subject["40"], subject["20"])]
    assert {mode(path) for path in (tmp_path / "names").iterdir()} == {0o600}


def test_a_check_fails_on_labels_and_splits(demo: Path, typed: Typed, tmp_path: Path) -> None:
    root = Path(shutil.copytree(demo, tmp_path / "cohort"))
    file = root / "ptbxl_database.csv"
    pl.read_csv(file, infer_schema=False).with_columns(
        scp_codes=pl.lit("{'NORM': 100.0}"), strat_fold=pl.lit("3")
    ).write_csv(file)
    status, text = typed("check", "demo_ecg", "--root", root, "--target", "NORM", "--protocol", "official")
    assert status == 1
    assert "FAILED  target CD: CD holds one class alone" in text
    assert "FAILED  protocol official: the official test part is empty" in text
    assert "ok      63 records" in text


def test_a_cohort_is_built(spoilt: Path, typed: Typed, tmp_path: Path) -> None:
    out = tmp_path / "built"
    status, text = typed("build", "demo_ecg", "--root", spoilt, "--out", out, "--protocol", "kfold:4")
    assert status == 0
    assert re.search(
        r"63  samples found\n +2  ECG of record \.\.\. cannot be read.*\n +61  samples kept\n +1  subjects that share",
        text,
    )
    samples = pl.read_parquet(out / "samples.parquet")
    split = Split.load(out / "split/seed0/split.json")
    assert split.table["sample_id"].to_list() == samples["sample_id"].to_list()
    assert samples.filter(pl.col("sample_id").is_in(["00020", "00040"]))["subject_id"].n_unique() == 1
    assert (split.protocol, split.seed, split.evaluated) == ("kfold:4", 0, (0, 1, 2, 3))
    (values,) = out.glob("prepared/*/values.npy")
    stored = np.load(values, mmap_mode="r")
    assert stored.shape == (63, 12, 1000)
    ecg = ECG()
    read = ecg.read({"ecg": "records100/00000/00001_lr"}, spoilt)
    np.testing.assert_array_equal(stored[0], ecg.prepare(read))
    before = values.stat().st_mtime_ns
    assert typed("build", "demo_ecg", "--root", spoilt, "--out", out, "--protocol", "kfold:4")[0] == 0
    assert values.stat().st_mtime_ns == before


def test_a_demo_is_built_without_a_root(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = DemoECG.synthesise
    monkeypatch.setattr(DemoECG, "synthesise", staticmethod(lambda root: small(root, subjects=40)))
    status, text = typed("build", "demo_ecg")
    out = tmp_path / "runs/cohort-demo_ecg"
    assert status == 0
    assert f"42 of 40 subjects: {out.relative_to(tmp_path)}/samples.parquet" in text
    assert (out / "cohort/demo_ecg.json").is_file()
    assert typed("describe", "demo_ecg")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}


def test_values_set_aside_are_counted_beside_the_samples(typed: Typed, tmp_path: Path) -> None:
    """Forty stays in text files.

    In three of them the pulse of a disconnected monitor, in one the pH without its point.
    """
    (tmp_path / "data/set-a").mkdir(parents=True)
    died = "".join(f"{stay},6,1,5,-1,{stay % 2}\n" for stay in range(40))
    (tmp_path / "data/Outcomes-a.txt").write_text(
        "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n" + died
    )
    for stay in range(40):
        pulse, acid = (0 if stay < 3 else 80), (735 if stay == 0 else 7.35)
        lines = f"00:00,RecordID,{stay}\n00:10,HR,{pulse}\n00:20,pH,{acid}\n00:30,GCS,15\n00:40,Temp,{35 + stay / 10}\n"
        (tmp_path / f"data/set-a/{stay}.txt").write_text("Time,Parameter,Value\n" + lines)
    expected = r"values set aside\n +3  vitals: outside plausible limits\n +1  labs: outside plausible limits\n"
    status, text = typed("describe", "cinc2012", "--root", tmp_path / "data")
    assert status == 0
    assert re.search(expected.removesuffix(r"\n"), text)
    assert "labs: 39 samples, prepared to 34 x 24" in text
    status, text = typed("build", "cinc2012", "--root", tmp_path / "data", "--out", tmp_path / "built")
    assert status == 0
    assert re.search(expected + r"\nsamples +40 of 40 subjects", text)
