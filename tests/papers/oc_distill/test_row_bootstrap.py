import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from medkd.evidence.statistics.metrics import auprc, auroc
from medkd.papers.oc_distill.row_bootstrap import row_bootstrap


@pytest.mark.parametrize(("metric", "reference"), [(auroc, roc_auc_score), (auprc, average_precision_score)])
def test_equals_a_plain_loop(metric, reference):
    rng = np.random.default_rng(3)
    y = (rng.random((80, 1)) < 0.3).astype(float)
    score = np.round(rng.random((80, 1)) + 0.3 * y, 1)
    draws = np.random.default_rng(5)
    values = []
    for _ in range(30):
        rows = draws.integers(0, 80, size=80)
        values.append(reference(y[rows, 0], score[rows, 0]))
    value, low, high = row_bootstrap(y, score, metric, replicates=30, seed=5)
    assert value == pytest.approx(reference(y[:, 0], score[:, 0]))
    assert (low, high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))


def test_a_draw_without_both_classes_is_left_out():
    y, score = np.array([[1.0], [0.0], [0.0]]), np.array([[0.9], [0.1], [0.2]])
    assert row_bootstrap(y, score, auroc, replicates=40) == (1.0, 1.0, 1.0)
    assert np.isnan(row_bootstrap(np.zeros((3, 1)), score, auroc, replicates=5)).all()
