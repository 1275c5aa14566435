"""MIMIC-IV.

The demo's counts, what is missing from our copy, and the tables that it lacks in a small one of our own.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from medkd.cohorts.mimic4 import MIMIC4
from medkd.data.core.sample import check_samples
from medkd.data.events.events import read_events
from medkd.errors import InputError

DEMO = "data/icu/mimic-iv-clinical-database-demo-2.2"
TABLES = {
    "hosp/patients": "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n"
    "1,F,70,2150,2011 - 2013,\n2,M,17,2150,2011 - 2013,\n",
    "hosp/admissions": "subject_id,hadm_id,admittime,dischtime,deathtime,hospital_expire_flag\n"
    "1,10,2152-01-01 00:00:00,2152-01-09 00:00:00,2152-01-09 20:00:00,1\n"
    "2,20,2150-01-01 00:00:00,2150-01-09 00:00:00,,0\n",
    "icu/icustays": "subject_id,hadm_id,stay_id,first_careunit,last_careunit,intime,outtime,los\n"
    "1,10,100,MICU,MICU,2152-01-01 06:00:00,2152-01-04 06:00:00,3\n"
    "2,20,200,MICU,MICU,2150-01-01 06:00:00,2150-01-04 06:00:00,3\n",
    "hosp/labevents": "labevent_id,subject_id,hadm_id,itemid,charttime,storetime,value,valuenum,valueuom\n"
    "1,1,,50912,2152-01-01 07:30:00,2152-01-01 08:00:00,1.5,1.5,mg/dL\n"
    "2,1,10,52546,2152-01-01 09:30:00,2152-01-01 10:00:00,___,,mg/dL\n"
    "3,1,10,50912,2151-12-01 09:30:00,2151-12-01 10:00:00,9,9,mg/dL\n"
    "4,1,10,1,2152-01-01 09:30:00,2152-01-01 10:00:00,9,9,mg/dL\n",
    "icu/chartevents": "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,"
    "value,valuenum,valueuom,warning\n"
    "1,10,100,5,2152-01-01 08:00:00,2152-01-01 08:10:00,223761,98.6,98.6,°F,0\n"
    "1,10,100,5,2152-01-01 08:00:00,2152-01-01 08:10:00,223835,50,50,,0\n"
    "1,10,100,5,2152-01-01 08:00:00,2152-01-01 08:10:00,223849,CMV/ASSIST,,,0\n"
    "1,10,100,5,2152-01-01 09:00:00,2152-01-01 08:10:00,223849,Standby,,,0\n",
    "hosp/diagnoses_icd": "subject_id,hadm_id,seq_num,icd_code,icd_version\n1,10,1,4280 ,9\n1,10,2,I509,10\n",
    "note/discharge": "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    '1,1,10,DS,1,2152-01-09 00:00:00,,"Died,\n  of it"\n',
    "note/radiology": "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    "1,1,10,RR,1,2152-01-01 08:00:00,,Clear\n",
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two stays of two patients, one of them a child, in compressed tables."""
    for name, text in TABLES.items():
        path = tmp_path / "mimic4" / f"{name}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    return tmp_path / "mimic4"


def of(root: Path, modality: str) -> list[tuple[object, ...]]:
    cohort = MIMIC4(root)
    found = cohort.events(modality, cohort.samples(cohort.target(None))[0])
    assert found is not None
    return found.collect().rows()


def test_counts(shared: Path) -> None:
    cohort = MIMIC4(shared / DEMO)
    for key, count, positive in (("mortality_24h", 117, 14), ("mortality_48h", 74, 12), ("decompensation", 3013, 63)):
        target = cohort.target(key)
        table = check_samples(cohort.samples(target)[0], target, key)
        assert (table.height, table[target.columns[0]].sum()) == (count, positive)
    assert set(cohort.modalities()) == {"vitals", "nursing", "codes"}


def test_what_our_copy_lacks_is_named(shared: Path, tmp_path: Path) -> None:
    cohort = MIMIC4(shared / DEMO)
    extract = cohort.extract(cohort.samples(cohort.target(None))[0], tmp_path)
    assert [out.reason for out in extract.aside if not out.count] == [
        "vitals: no table chartevents",
        "labs: no table labevents",
        "nursing: no table chartevents",
        "notes: no table discharge",
        "notes: no table radiology",
    ]
    assert extract.samples["nursing"].null_count() < extract.samples.height


def test_every_table(small: Path, tmp_path: Path) -> None:
    cohort = MIMIC4(small)
    table, left = cohort.samples(cohort.target(None))
    assert table.select("sample_id", "age", "sex", "mortality").rows() == [("100", 72.0, "female", 1.0)]
    assert [(out.count, out.reason) for out in left] == [(1, "younger than 18 years")]
    assert of(small, "labs") == [("100", 1.5, "creatinine", 1.5, "mg/dL"), ("100", 3.5, "creatinine", None, "mg/dL")]
    assert [row[1:] for row in of(small, "nursing")] == [
        (2.0, "fio2", 0.5, None),
        (2.0, "ventilated", 1.0, None),
        (3.0, "ventilated", None, None),
    ]
    extract = cohort.extract(table, tmp_path)
    vitals = read_events(tmp_path / extract.samples["vitals"][0], "100")
    held = dict(zip((vitals.variables[place] for place in vitals.variable), vitals.value.tolist(), strict=True))
    assert held == {"age": 72.0, "sex": 0.0, "temperature": pytest.approx(37.0, abs=1e-4)}
    assert {out.reason: out.count for out in extract.aside} == {
        "nursing: no table outputevents": 0,
        "labs: no number": 1,
        "nursing: no number": 1,
    }


def test_codes_and_notes_at_the_hours_they_are_known(small: Path) -> None:
    """Death at 20:00 of the day whose midnight is the discharge.

    A summary without an hour is known when its day is over.
    """
    assert of(small, "codes") == [("100", 206.0, "ICD9:4280"), ("100", 206.0, "ICD10:I509")]
    assert sorted(of(small, "notes")) == [("100", 2.0, "Clear"), ("100", 210.0, "Died,\n  of it")]


def test_a_missing_column_of_a_large_table(small: Path, tmp_path: Path) -> None:
    (small / "hosp/labevents.csv.gz").unlink()
    (small / "hosp/labevents.csv").write_text("subject_id,itemid,charttime\n1,50912,2152-01-01 07:30:00\n")
    cohort = MIMIC4(small)
    with pytest.raises(InputError, match=r"labevents\.csv has no column 'valuenum'"):
        cohort.extract(cohort.samples(cohort.target(None))[0], tmp_path)


def test_a_stay_whose_admission_is_not_there(small: Path) -> None:
    path = small / "hosp/admissions.csv.gz"
    path.write_bytes(gzip.compress("\n".join(TABLES["hosp/admissions"].splitlines()[:1]).encode() + b"\n"))
    cohort = MIMIC4(small)
    assert {out.reason: out.count for out in cohort.samples(cohort.target(None))[1]}["outcome not known"] == 1


def test_mimic3_is_not_mimic4(shared: Path) -> None:
    cohort = MIMIC4(shared / "data/icu/mimic-iii-clinical-database-demo-1.4")
    with pytest.raises(InputError, match="has no column 'stay_id'"):
        cohort.samples(cohort.target(None))
