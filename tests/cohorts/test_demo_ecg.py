"""The synthetic cohort: real WFDB files, the same bytes every time, and a lead I that hides illness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import wfdb
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from medkd.cohorts.demo_ecg import DemoECG
from medkd.cohorts.demo_ecg.diseases import PREVALENCE
from medkd.cohorts.ptbxl import PTBXL
from medkd.data.core.sample import check_samples
from medkd.data.core.view import View
from medkd.data.io.digest import digest_file
from medkd.errors import InputError
from medkd.modalities.ecg import ECG


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return DemoECG.synthesise(tmp_path_factory.mktemp("demo") / "cohort", subjects=400, seed=3)


def test_files_are_wfdb_with_right_checksums(demo: Path) -> None:
    record = wfdb.rdrecord(str(demo / "records100/00000/00007_lr"), physical=False)
    assert (record.fs, record.sig_len, record.n_sig, record.units[0], record.adc_gain[0]) == (
        100,
        1000,
        12,
        "mV",
        1000.0,
    )
    assert [name.upper() for name in record.sig_name] == "I II III AVR AVL AVF V1 V2 V3 V4 V5 V6".split()  # noqa: SIM905
    assert record.calc_checksum() == record.checksum
    assert record.d_signal[0].tolist() == record.init_value
    one, two, three = record.d_signal[:, 0], record.d_signal[:, 1], record.d_signal[:, 2]
    assert np.abs(two - one - three).max() <= 2


def test_read_by_ptbxls_own_code(demo: Path) -> None:
    for cohort in (DemoECG(demo), PTBXL(demo)):
        target = cohort.target("CD")
        table, exclusions = cohort.samples(target)
        check_samples(table, target, cohort.name)
        assert table.height + exclusions[0].count == 420
        assert abs(table["CD"].mean() - PREVALENCE["CD"]) < 0.06
        assert table.filter(pl.col("NORM") == 1).select("MI", "STTC", "CD", "HYP").sum().row(0) == (0, 0, 0, 0)
        assert table["subject_id"].n_unique() < table.height
        assert table.group_by("subject_id").agg(pl.col("official_fold").n_unique()).max()["official_fold"][0] == 1


def test_the_same_bytes_for_the_same_settings(tmp_path: Path) -> None:
    first, second = (DemoECG.synthesise(tmp_path / name, subjects=20, seed=1) for name in ("a", "b"))
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == 2 * 21 + 3
    assert all(digest_file(first / path) == digest_file(second / path) for path in files)
    other = DemoECG.synthesise(tmp_path / "c", subjects=20, seed=2)
    assert digest_file(other / "records100/00000/00001_lr.dat") != digest_file(first / "records100/00000/00001_lr.dat")


def test_left_as_it_is_or_replaced_but_never_over_something_else(tmp_path: Path) -> None:
    root = DemoECG.synthesise(tmp_path / "demo", subjects=10)
    written = (root / "ptbxl_database.csv").stat().st_mtime_ns
    DemoECG.synthesise(root, subjects=10)
    assert (root / "ptbxl_database.csv").stat().st_mtime_ns == written
    DemoECG.synthesise(root, subjects=12)
    assert pl.read_csv(root / "ptbxl_database.csv").height == 12
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").touch()
    with pytest.raises(InputError, match="is not a demo_ecg"):
        DemoECG.synthesise(tmp_path / "thesis")
    with pytest.raises(InputError, match="lead_i 2"):
        DemoECG.synthesise(tmp_path / "new", lead_i=2)
    assert not (tmp_path / "new").exists()


def beats(root: Path, view: str) -> np.ndarray:
    ecg, part = ECG(representation="median_beat"), View.parse(view).parts[0]
    table, _ = DemoECG(root).samples(DemoECG(root).target("CD"))
    return np.stack([ecg.prepare(ecg.select(ecg.read(row, root), part)).ravel() for row in table.iter_rows(named=True)])


def auroc(root: Path, view: str) -> float:
    labels = DemoECG(root).samples(DemoECG(root).target("CD"))[0]["CD"].to_numpy()
    values, half = beats(root, view), len(labels) // 2
    model = LogisticRegression(C=0.1, max_iter=500).fit(values[:half], labels[:half])
    return float(roc_auc_score(labels[half:], model.decision_function(values[half:])))


def test_twelve_leads_show_more_than_lead_i(demo: Path) -> None:
    assert auroc(demo, "ecg") > auroc(demo, "ecg[I]") + 0.08


def test_the_knob_says_how_much_of_an_illness_lead_i_keeps(tmp_path: Path) -> None:
    def lead_i(share: float) -> np.ndarray:
        root = DemoECG.synthesise(tmp_path / f"{share}", subjects=40, seed=5, lead_i=share)
        return np.stack([ECG().read({"ecg": f"records100/00000/{n:05d}_lr"}, root).values[0] for n in range(1, 43)])

    none, half, all_of_it = lead_i(0.0), lead_i(0.5), lead_i(1.0)
    database = pl.read_csv(tmp_path / "0.0/ptbxl_database.csv", infer_schema=False)
    well = (database["scp_codes"].str.contains("NORM") | (database["scp_codes"] == "{'SR': 0.0}")).to_numpy()
    np.testing.assert_allclose(half, (none + all_of_it) / 2, atol=0.0016)
    change = np.abs(all_of_it - none).max(axis=1)
    assert change[well].max() == 0
    assert change[~well].min() > 0
