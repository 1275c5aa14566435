"""Our side of ``icu.py``, a process of its own so that its memory can be watched.

    python icu_ours.py task|mimic4|cinc2012|mimic3 ROOT OUT

``task`` forms the cells of PyHealth's ``InHospitalMortalityMIMIC4`` from our reading of tables
(``medkd.data.io.tables``): its rule of who, when and which items is written here for the benchmark, and is no target of
ours. The others are what ``medkd cohort build`` does, every modality prepared; ``mimic3`` for each of its targets. Only
reading and building are timed, not the imports.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from medkd.data.io.tables import scan_table

_TIME = pl.Datetime("us")
HOURS = 48
# fmt: off
ITEMS = (
    50824, 52455, 50983, 52623, 50822, 52452, 50971, 52610, 50806, 52434, 50902, 52535, 50803, 50804,
    50809, 52027, 50931, 52569, 50808, 51624, 50960, 50868, 52500, 52031, 50964, 51701, 50970,
)
# fmt: on
"""PyHealth's, of its task."""


def task(root: Path, out: Path) -> None:
    """Adults' admissions of more than 48 h, and what was drawn and known in them: a row a moment, a column an item."""
    adults = scan_table(root, "patients", {"subject_id": pl.Int64, "anchor_age": pl.Int64}).filter(
        pl.col("anchor_age") >= 18
    )
    columns = {
        "subject_id": pl.Int64,
        "hadm_id": pl.Int64,
        "admittime": _TIME,
        "dischtime": _TIME,
        "hospital_expire_flag": pl.Int64,
    }
    admissions = (
        scan_table(root, "admissions", columns)
        .filter(pl.col("dischtime") - pl.col("admittime") > pl.duration(hours=HOURS))
        .join(adults, on="subject_id", how="semi")
        .select("subject_id", "hadm_id", "admittime", pl.col("hospital_expire_flag").alias("mortality"))
        .collect()
    )
    end = pl.col("admittime") + pl.duration(hours=HOURS)
    events = {
        "subject_id": pl.Int64,
        "itemid": pl.Int64,
        "charttime": _TIME,
        "storetime": _TIME,
        "valuenum": pl.Float64,
    }
    whose = admissions["subject_id"].unique().implode()
    drawn = (
        scan_table(root, "labevents", events)
        .filter(pl.col("itemid").is_in(ITEMS), pl.col("subject_id").is_in(whose))
        .join(admissions.lazy().drop("mortality"), on="subject_id", maintain_order="left", build_side="force_right")
        .filter(pl.col("charttime").is_between("admittime", end), pl.col("storetime") <= end)
        .select("hadm_id", pl.col("charttime").alias("at"), "itemid", pl.col("valuenum").alias("value"))
        .collect(engine="streaming")
    )
    grid = drawn.pivot(
        "itemid", on_columns=list(ITEMS), index=["hadm_id", "at"], values="value", aggregate_function="first"
    )
    moments = grid.group_by("hadm_id").len("moments")
    grid.sort("hadm_id", "at").write_parquet(out / "grid.parquet")
    admissions.join(moments, on="hadm_id").drop("admittime").write_parquet(out / "samples.parquet")


def build(name: str, root: Path, out: Path, *, every: bool) -> None:
    """What ``medkd cohort build`` does, for the cohort's own target or every one."""
    from medkd import registry
    from medkd.pipeline.cohort_build.build import whole_recipe
    from medkd.pipeline.prepared_cohort import prepare_cohort
    from medkd.pipeline.run_setup import cohort_at

    cohort = cohort_at(registry.cohort(name), root, out / "cohort", {})
    for key in cohort.targets() if every else (None,):
        prepare_cohort(whole_recipe(cohort, key), cohort, out / str(key), 1)


def main() -> None:
    """Build, and write down what it took."""
    kind, root, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    acts: dict[str, Callable[[], None]] = {
        "task": lambda: task(root, out),
        "mimic4": lambda: build("mimic4", root, out, every=False),
        "cinc2012": lambda: build("cinc2012", root, out, every=False),
        "mimic3": lambda: build("mimic3", root, out, every=True),
    }
    if kind != "task":
        import medkd.cohorts.cinc2012
        import medkd.cohorts.mimic3
        import medkd.cohorts.mimic4
        import medkd.pipeline.cohort_build.build  # noqa: F401
    started, used = time.perf_counter(), time.process_time()
    acts[kind]()
    taken = {"wall": time.perf_counter() - started, "cpu": time.process_time() - used}
    (out / "taken.json").write_text(json.dumps(taken), encoding="utf-8")


if __name__ == "__main__":
    main()
