"""PyHealth's ``InHospitalMortalityMIMIC4``, as its own example has it.

``icu.py`` runs this in PyHealth's environment, not ours.

    python icu_pyhealth.py ROOT OUT

Only reading and building are timed, not the imports. Then, outside the time, the samples are written to
``OUT/cells.parquet`` (one row a cell that holds a value) and ``OUT/samples.parquet``, for ``icu.py`` to compare: the
raw grid, before PyHealth fills and resamples it.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage


def cpu() -> float:
    """Seconds of this process and of all that it has waited for."""
    return sum(used.ru_utime + used.ru_stime for used in (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)))


def main() -> None:
    """Build, and write down what was built."""
    import litdata
    import numpy as np
    import polars as pl
    from pyhealth.datasets import MIMIC4EHRDataset
    from pyhealth.tasks import InHospitalMortalityMIMIC4

    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    (out / "started").touch()
    started, used = time.perf_counter(), cpu()
    dataset = MIMIC4EHRDataset(root=str(root), tables=["labevents"], cache_dir=str(out / "cache"))
    dataset.set_task(InHospitalMortalityMIMIC4())
    taken = {"wall": time.perf_counter() - started, "cpu": cpu() - used}
    (raw,) = out.glob("cache/*/tasks/*/task_df.ld")
    samples, cells = [], []
    # PyHealth keeps its samples so; they were written a moment ago.
    for held in litdata.StreamingDataset(str(raw), transform=lambda row: pickle.loads(row["sample"])):  # noqa: S301
        at, values = held["labs"]
        values = values.astype(np.float64)
        samples.append((held["patient_id"], held["admission_id"], held["mortality"], len(at)))
        time_row, item = np.nonzero(~np.isnan(values))
        cells.append(
            pl.DataFrame(
                {
                    "hadm_id": [int(held["admission_id"])] * len(item),
                    "at": pl.Series(at, dtype=pl.Datetime("us")).gather(time_row),
                    "itemid": np.array(InHospitalMortalityMIMIC4.LABITEMS, dtype=np.int64)[item],
                    "value": values[time_row, item],
                }
            )
        )
    schema = {"subject_id": pl.Int64, "hadm_id": pl.Int64, "mortality": pl.Int64, "moments": pl.Int64}
    rows = [(int(subject), int(hadm), dead, moments) for subject, hadm, dead, moments in samples]
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(out / "samples.parquet")
    pl.concat(cells).write_parquet(out / "cells.parquet")
    (out / "taken.json").write_text(json.dumps(taken), encoding="utf-8")


if __name__ == "__main__":
    main()
