"""The synthetic stays.

MIMIC-IV's own code reads them, the same bytes every time, and vital signs hide what laboratory and notes tell.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from medkd.cohorts.demo_icu import DemoICU
from medkd.cohorts.demo_icu.layout import COLUMNS
from medkd.cohorts.demo_icu.syndromes import BACKGROUND, GRAVE, LABS, SYNDROMES
from medkd.cohorts.mimic4 import MIMIC4
from medkd.data.core.cohort import Extract
from medkd.data.core.sample import check_samples
from medkd.data.core.view import View
from medkd.data.io.digest import digest_file
from medkd.errors import InputError
from medkd.modalities.codes import Codes
from medkd.modalities.labs import Labs
from medkd.modalities.notes import Notes
from medkd.modalities.vitals import Vitals

SEEN = {
    "vitals": "vitals[heart_rate,sbp,dbp,resp_rate,temperature,spo2,age,0:24h]",
    "labs": "labs[lactate,creatinine,bun,wbc,platelets,bicarbonate,hemoglobin,bilirubin_total,"
    "albumin,troponin_t,0:24h]",
}
KINDS = {"vitals": Vitals(), "labs": Labs()}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return DemoICU.synthesise(tmp_path_factory.mktemp("demo") / "cohort", subjects=1000, seed=3)


@pytest.fixture(scope="module")
def extract(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Extract:
    cohort = DemoICU(demo)
    table, _ = cohort.samples(cohort.target("mortality_24h"))
    return cohort.extract(table, tmp_path_factory.mktemp("events"))


def test_tables_have_the_published_columns(demo: Path):
    for name, columns in COLUMNS.items():
        with gzip.open(demo / f"{name}.csv.gz", "rt") as file:
            assert file.readline().strip().split(",") == columns.split()


def test_columns_are_those_of_the_published_demo(shared: Path):
    root = shared / "data/icu/mimic-iv-clinical-database-demo-2.2"
    found = [name for name in COLUMNS if (root / f"{name}.csv.gz").is_file()]
    assert {"hosp/patients", "hosp/admissions", "hosp/diagnoses_icd", "hosp/d_labitems", "icu/icustays"} <= set(found)
    for name in found:
        with gzip.open(root / f"{name}.csv.gz", "rt") as file:
            assert file.readline().strip().split(",") == COLUMNS[name].split()


def test_read_by_mimic4s_own_code(demo: Path):
    for cohort in (DemoICU(demo), MIMIC4(demo)):
        for key in cohort.targets():
            table, _ = cohort.samples(cohort.target(key))
            check_samples(table, cohort.target(key), cohort.name)
    table, left = DemoICU(demo).samples(DemoICU(demo).target("mortality_24h"))
    assert table.height + sum(out.count for out in left) == 1050
    assert 0.1 < table["mortality"].mean() < 0.3
    assert table["subject_id"].n_unique() < table.height


def test_every_stay_has_signs_codes_and_a_summary_that_says_how_it_ended(extract: Extract):
    assert extract.samples.select("vitals", "labs", "codes", "notes").null_count().row(0) == (0, 0, 0, 0)
    for row in extract.samples.iter_rows(named=True):
        written = Notes().read(row, extract.root)
        end = "expired" if row["mortality"] else "discharged"
        assert end in written.texts[-1]
        assert not any("expired" in text or "discharged" in text for text in written.within(0, 24).texts)


def test_codes_that_are_written_exist(shared: Path):
    codes = Codes(ccs=str(shared / "data/icu/ontologies"))
    written = {9: [*BACKGROUND[9], *GRAVE[9]], 10: [*BACKGROUND[10], *GRAVE[10]]}
    for syndrome in SYNDROMES.values():
        written[9] += syndrome.icd9
        written[10] += syndrome.icd10
    assert [
        code for version, held in written.items() for code in held if codes.group_of(f"ICD{version}:{code}") is None
    ] == []


def test_the_same_bytes_for_the_same_settings(tmp_path: Path):
    first, second = (DemoICU.synthesise(tmp_path / name, subjects=20, seed=1) for name in ("a", "b"))
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert len(files) == len(COLUMNS) + 1
    assert all(digest_file(first / path) == digest_file(second / path) for path in files)
    other = DemoICU.synthesise(tmp_path / "c", subjects=20, seed=2)
    assert digest_file(other / "icu/chartevents.csv.gz") != digest_file(first / "icu/chartevents.csv.gz")


def test_left_as_it_is_or_replaced_but_never_over_something_else(tmp_path: Path):
    root = DemoICU.synthesise(tmp_path / "demo", subjects=20)
    written = (root / "icu/icustays.csv.gz").stat().st_mtime_ns
    DemoICU.synthesise(root, subjects=20)
    assert (root / "icu/icustays.csv.gz").stat().st_mtime_ns == written
    DemoICU.synthesise(root, subjects=40)
    assert pl.read_csv(root / "icu/icustays.csv.gz").height == 42
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").touch()
    with pytest.raises(InputError, match="is not a demo_icu"):
        DemoICU.synthesise(tmp_path / "thesis")
    with pytest.raises(InputError, match="labs_per_stay 5"):
        DemoICU.synthesise(tmp_path / "new", labs_per_stay=5)
    assert not (tmp_path / "new").exists()


def test_as_many_laboratory_rows_as_asked(tmp_path: Path):
    root = DemoICU.synthesise(tmp_path / "demo", subjects=20, labs_per_stay=10 * len(LABS))
    table = pl.read_csv(root / "hosp/labevents.csv.gz")
    assert table.height == 21 * 10 * len(LABS)
    assert table["labevent_id"].n_unique() == table.height


def means(extract: Extract, modality: str) -> np.ndarray:
    kind, part = KINDS[modality], View.parse(SEEN[modality]).parts[0]
    grids = [
        kind.prepare(kind.select(kind.read(row, extract.root), part)) for row in extract.samples.iter_rows(named=True)
    ]
    filled = np.nanmean(np.stack(grids), axis=2)
    return (filled - filled.mean(axis=0)) / filled.std(axis=0)


def auroc(extract: Extract, *modalities: str) -> float:
    values = np.hstack([means(extract, modality) for modality in modalities])
    labels = extract.samples["mortality"].to_numpy()
    scores = cross_val_predict(
        LogisticRegression(C=0.1, max_iter=500), values, labels, cv=5, method="decision_function"
    )
    return float(roc_auc_score(labels, scores))


def test_the_laboratory_shows_more_than_the_monitor(extract: Extract):
    assert auroc(extract, "vitals", "labs") > auroc(extract, "vitals") + 0.07


def test_the_knob_says_how_much_the_monitor_shows(tmp_path: Path):
    found = []
    for share in (0.0, 1.0):
        cohort = DemoICU(DemoICU.synthesise(tmp_path / f"{share}", subjects=400, seed=5, vitals=share))
        table, _ = cohort.samples(cohort.target("mortality_24h"))
        found.append(auroc(cohort.extract(table, tmp_path / f"events{share}"), "vitals"))
    assert found[0] < 0.68
    assert found[1] > found[0] + 0.15
