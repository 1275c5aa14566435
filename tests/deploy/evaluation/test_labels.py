"""Labels in the form that predictions are compared with."""

from __future__ import annotations

import numpy as np
import polars as pl

from medkd.data.core.target import Target
from medkd.deploy.evaluation.labels import class_matrix, labelled_predictions, with_labels
from medkd.evidence.settings import EvidenceSettings

RHYTHM = Target("rhythm", "multilabel", ("af", "sr"))


def predictions() -> pl.DataFrame:
    columns = {f"{prefix}{name}": [0.1, 0.2, 0.3] for prefix in ("p_", "p_cal_") for name in RHYTHM.names}
    return pl.DataFrame({"sample_id": ["a", "b", "c"], **columns, "set": ["af", None, "sr"], "drift": [0.5, 2.0, 1.0]})


def test_each_class_has_a_column_of_labels() -> None:
    samples = pl.DataFrame({"sample_id": ["a", "b"], "af": [1, None], "sr": [0, 1]})
    assert with_labels(samples, RHYTHM).select("y_af", "y_sr").rows() == [(1.0, 0.0), (None, 1.0)]
    exclusive = Target("grade", "multiclass", ("grade",), ("low", "high"))
    graded = with_labels(pl.DataFrame({"sample_id": ["a", "b"], "grade": [1, None]}), exclusive)
    assert graded.select("y_low", "y_high").rows() == [(0.0, 1.0), (None, None)]


def test_one_row_per_labelled_sample_and_class() -> None:
    labels = pl.DataFrame(
        {
            "sample_id": ["c", "a", "b", "nobody"],
            "subject_id": ["3", "1", "2", "4"],
            "y_af": [1.0, None, None, 0.0],
            "y_sr": [0.0, 1.0, None, 0.0],
        }
    )
    scored = labelled_predictions(predictions(), labels, RHYTHM, {"af": 0.5}, EvidenceSettings(metric="auroc"))
    assert sorted(scored.select("sample", "class").rows()) == [("a", "af"), ("a", "sr"), ("c", "af"), ("c", "sr")]
    assert scored.filter(pl.col("class") == "af")["threshold"].to_list() == [0.5, 0.5]
    assert scored.filter(pl.col("class") == "sr")["threshold"].null_count() == 2
    np.testing.assert_array_equal(class_matrix(scored, RHYTHM, "y"), [[np.nan, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(class_matrix(scored.reverse(), RHYTHM, "score"), [[0.1, 0.1], [0.3, 0.3]])
