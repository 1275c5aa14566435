"""Is a gain real? Predictions of any framework, assessed by medkd.

    python examples/assess_predictions.py

Scikit-learn alone, on the Wisconsin breast cancer data (569 biopsies, CC BY 4.0, shipped with scikit-learn). The
student sees three of thirty measurements of the nuclei. Its baseline learns the labels of a fifth of the training
patients; the student learns the outputs, for every training patient, of a teacher that sees all thirty. The
self-teacher sees what the student sees: what its student gains is regularisation, not privileged information.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medkd import Report, assess
from medkd.evidence.leaks.checks import Check, subjects_across_splits

LABEL_FRACTION, SEEDS, FOLDS = 0.2, 3, 5
Rows = NDArray[np.int64]
Values = NDArray[np.float64]


def main() -> None:
    """Fit every arm on every split, then assess; print the sentence and the table."""
    data = load_breast_cancer()
    everything, malignant = np.asarray(data.data), 1 - np.asarray(data.target)
    nuclei = everything[:, [1, 4, 9]]  # mean texture, smoothness and fractal dimension
    tables, checks = [], []
    for seed, fold, train, validation, test in splits(malignant):
        for arm, logits in arms(everything, nuclei, malignant, train, seed).items():
            for role, rows in (("val", validation), ("test", test)):
                ids = rows.astype(str)
                columns = {"sample_id": ids, "subject_id": ids, "logit": logits[rows], "y": malignant[rows]}
                named = {"arm": arm, "role": role, "seed": seed, "fold": fold, "label_fraction": LABEL_FRACTION}
                tables.append(
                    pl.DataFrame(columns).with_columns(pl.lit(value).alias(name) for name, value in named.items())
                )
        checks.append(audit(train, validation, test))
    report = Report(
        assess(pl.concat(tables), audit=checks, student_view="three measurements", teacher_view="thirty of them")
    )
    print(report.sentence)
    print(report.table())


def splits(y: NDArray[np.int64]) -> Iterator[tuple[int, int, Rows, Rows, Rows]]:
    """Seed, fold, and rows of the training, validation and test part: one row per patient."""
    for seed in range(SEEDS):
        outer = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(y, y)
        for fold, (inside, test) in enumerate(outer):
            train, validation = train_test_split(inside, test_size=0.25, stratify=y[inside], random_state=seed)
            yield seed, fold, train, validation, test


def arms(everything: Values, nuclei: Values, y: NDArray[np.int64], train: Rows, seed: int) -> dict[str, Values]:
    """Log-odds of each arm for every row."""
    labelled, _ = train_test_split(train, train_size=LABEL_FRACTION, stratify=y[train], random_state=seed)
    return {
        "teacher": classifier().fit(everything[labelled], y[labelled]).decision_function(everything),
        "baseline": classifier().fit(nuclei[labelled], y[labelled]).decision_function(nuclei),
        "student": student(nuclei, train, bank(everything, y, labelled)),
        "self_teacher": student(nuclei, train, bank(nuclei, y, labelled)),
    }


def classifier() -> LogisticRegression:
    """Logistic regression on standardised measurements."""
    return make_pipeline(StandardScaler(), LogisticRegression())


def bank(view: Values, y: NDArray[np.int64], labelled: Rows) -> Values:
    """A teacher's log-odds for every row, out of fold where it was trained on the label."""
    logits = classifier().fit(view[labelled], y[labelled]).decision_function(view)
    logits[labelled] = cross_val_predict(classifier(), view[labelled], y[labelled], cv=4, method="decision_function")
    return np.asarray(logits)


def student(nuclei: Values, train: Rows, outputs: Values) -> Values:
    """Log-odds of a student that was fitted to a teacher's outputs, labelled or not."""
    fitted = make_pipeline(StandardScaler(), Ridge()).fit(nuclei[train], outputs[train])
    return np.asarray(fitted.predict(nuclei))


def audit(train: Rows, validation: Rows, test: Rows) -> Check:
    """No patient is in two parts. Without an audit the verdict would be "invalid"."""
    return subjects_across_splits({"train": train.tolist(), "val": validation.tolist(), "test": test.tolist()})


if __name__ == "__main__":
    main()
