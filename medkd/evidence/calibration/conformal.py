"""Split-conformal sets: the answers that each prediction leaves open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medkd.data.core.target import Kind, Target
from medkd.data.io.document import Document, parse_document
from medkd.errors import InputError
from medkd.evidence.calibration.reliability import wilson
from medkd.evidence.statistics.metrics import Array

ABSTAINS = "abstains"
VALUES = ("regression", "forecast")
"""Kinds of target whose set is an interval."""
_SLACK = 1e-9


@dataclass(frozen=True)
class Conformal:
    r"""Sets that hold the true answer in at least ``coverage`` of exchangeable samples, however good the model is.

    An answer is in a sample's set if its score is at most the answer's quantile. The score of a class is 1 - p, and
    each answer has a quantile of its own, computed over the samples of which it is true, so that the coverage holds
    among the diseased and among the healthy, not only over both. The score of a value is its absolute residual. With n
    samples the quantile is the ⌈(n + 1) coverage⌉-th smallest score; with fewer samples than that, the answer is in
    every set.

    Assumption: new samples are exchangeable with those of the fit. The quantiles are fitted on predictions of the
    folds' models, of which the deployed one is a refit, and after their temperature, so that the coverage of the
    deployed model is an estimate; with several predictions per subject the quantile's finite-sample argument holds
    approximately. See ``held_out_coverage``.

    Args:
        coverage: above 0 and below 1.
        kind: of the target.
        names: of its outputs.
        quantiles: "name answer" (see ``answers``), infinite where samples were too few.
        counts: "name answer", number of subjects behind each quantile.

    Source: Vovk 2012, arXiv:1209.2673 (label-conditional inductive conformal predictors); the finite-sample quantile as
    in Angelopoulos and Bates 2021, arXiv:2107.07511, section 1; the score of exclusive classes is LAC with error levels
    of each class, Sadinle, Lei and Wasserman 2019, arXiv:1609.00451. Each of several samples of a subject weighs the
    inverse of their number and n counts subjects: "pooling CDFs", Dunn, Wasserman and Ramdas 2022, arXiv:1809.07441.

    >>> p = np.array([[0.9], [0.8], [0.7], [0.2], [0.1], [0.3]])
    >>> y = np.array([[1.0], [1], [1], [0], [0], [0]])
    >>> sets = Conformal.fit(p, y, Target("cd", "binary", ("cd",)), coverage=0.75)
    >>> sets.sets(np.array([[0.95], [0.5], [0.05]]))
    ['cd', 'abstains', 'not cd']
    """

    coverage: float
    kind: Kind
    names: tuple[str, ...]
    quantiles: Array
    counts: NDArray[np.int64]

    @staticmethod
    def answers(kind: Kind) -> tuple[str, ...]:
        """The possible answers about each output."""
        return ("residual",) if kind in VALUES else ("present",) if kind == "multiclass" else ("present", "absent")

    @classmethod
    def fit(
        cls,
        calibrated: Array,
        y: Array,
        target: Target,
        coverage: float = 0.9,
        groups: Sequence[Any] | NDArray[Any] | None = None,
    ) -> Self:
        """Fit quantiles on calibrated predictions of samples that the model was not fitted on.

        Args:
            calibrated: "sample output", probabilities, or values of a regression.
            y: "sample output", 0 or 1 (one-hot of exclusive classes) or a value; NaN where unlabelled.
            target: its kind and its ``names``, in order.
            coverage: wanted, above 0 and below 1.
            groups: "sample", the subject of each; without it each sample counts as one.

        Raises:
            InputError: the coverage is not within 0-1, or the shapes differ.
        """
        if not 0 < coverage < 1:
            raise InputError(
                f"coverage is {coverage}", where="conformal", remedy="Give a share above 0 and below 1, such as 0.9"
            )
        if calibrated.shape != y.shape or calibrated.ndim != 2 or calibrated.shape[1] != target.outputs:
            raise InputError(
                f"predictions {calibrated.shape} and labels {y.shape}",
                where="conformal",
                remedy="Give both 'sample output'",
            )
        subject = np.arange(len(y)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
        scores, is_true = _scores(calibrated, y, target.kind), _is_true(y, target.kind)
        quantiles, counts = np.full(is_true.shape[1:], np.inf), np.zeros(is_true.shape[1:], dtype=np.int64)
        for index in np.ndindex(quantiles.shape):
            rows = is_true[(slice(None), *index)]
            quantiles[index], counts[index] = _quantile(scores[(rows, *index)], subject[rows], coverage)
        return cls(float(coverage), target.kind, target.names, quantiles, counts)

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; a quantile of null means "in every set"."""
        parts = self.answers(self.kind)
        quantiles = [[value if math.isfinite(value) else None for value in row] for row in self.quantiles.tolist()]
        return {
            "coverage": self.coverage,
            "quantiles": {
                name: dict(zip(parts, row, strict=True)) for name, row in zip(self.names, quantiles, strict=True)
            },
            "subjects": {
                name: dict(zip(parts, row, strict=True))
                for name, row in zip(self.names, self.counts.tolist(), strict=True)
            },
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], target: Target, where: str) -> Self:
        """Read the output of ``to_dict``.

        Raises:
            InputError: a key, a class or an answer is missing or unknown, or a number is out of range.
        """
        parsed = parse_document(ConformalDocument, document, where)
        parts = cls.answers(target.kind)
        for key, table in (("quantiles", parsed.quantiles), ("subjects", parsed.subjects)):
            if set(table) != set(target.names) or any(set(row) != set(parts) for row in table.values()):
                raise InputError(
                    f"conformal {key} do not name {', '.join(target.names)} with {', '.join(parts)}", where=where
                )
        bounds = [[parsed.quantiles[name][part] for part in parts] for name in target.names]
        counts = [[parsed.subjects[name][part] for part in parts] for name in target.names]
        quantiles = np.array([[np.inf if bound is None else bound for bound in row] for row in bounds])
        return cls(parsed.coverage, target.kind, target.names, quantiles, np.array(counts, dtype=np.int64))

    def sets(self, calibrated: Array) -> list[str]:
        """Each sample's set as text.

        Binary: "cd", "not cd", or "abstains" where both or neither fit. Multilabel: the same for each class, joined by
        "; ", with "cd: abstains". Exclusive classes: names joined by " or ", "abstains" where all or none fit. Values:
        "LOW to HIGH".

        Args:
            calibrated: "sample output".
        """
        if self.kind in VALUES:
            return ["; ".join(self._interval(value, column) for column, value in enumerate(row)) for row in calibrated]
        fits = self._fits(calibrated)
        if self.kind == "multiclass":
            return [
                ABSTAINS if row.all() or not row.any() else " or ".join(np.array(self.names)[row])
                for row in fits[:, :, 0]
            ]
        alone = len(self.names) == 1
        words = [
            ({(True, False): name, (False, True): f"not {name}"}, ABSTAINS if alone else f"{name}: {ABSTAINS}")
            for name in self.names
        ]
        return [
            "; ".join(
                known.get((bool(present), bool(absent)), other)
                for (known, other), (present, absent) in zip(words, row, strict=True)
            )
            for row in fits
        ]

    def holds(self, calibrated: Array, y: Array) -> Array:
        """Whether each true answer is in its set: 1, 0, or NaN where the answer is not true; "sample name answer".

        Args:
            calibrated, y: as for ``fit``.
        """
        covered = (_scores(calibrated, y, self.kind) <= self.quantiles).astype(np.float64)
        covered[~_is_true(y, self.kind)] = np.nan
        return covered

    def abstains(self, calibrated: Array) -> NDArray[np.bool_]:
        """Whether all or none of the answers fit: "sample name", the same for all names of exclusive classes."""
        if self.kind in VALUES:
            return np.broadcast_to(~np.isfinite(self.quantiles[:, 0]), calibrated.shape)
        fits = self._fits(calibrated)
        if self.kind == "multiclass":
            return np.repeat(fits.all(axis=(1, 2)) | ~fits.any(axis=(1, 2)), len(self.names)).reshape(calibrated.shape)
        return np.asarray(fits[:, :, 0] == fits[:, :, 1])

    def coverage_of(
        self, calibrated: Array, y: Array, groups: Sequence[Any] | NDArray[Any] | None = None
    ) -> dict[str, Any]:
        """The share of true answers that are in their sets, per class, and how often sets abstain (see ``shares``).

        Args:
            calibrated, y, groups: as for ``fit``, of samples outside the fit.
        """
        return shares(self.holds(calibrated, y), self.abstains(calibrated), self.kind, self.names, groups)

    def _fits(self, calibrated: Array) -> NDArray[np.bool_]:
        """Which answers fit: "sample name answer"."""
        present = 1.0 - calibrated
        scores = present[:, :, None] if self.kind == "multiclass" else np.stack([present, calibrated], axis=2)
        return np.asarray(scores <= self.quantiles)

    def _interval(self, value: float, column: int) -> str:
        half = float(self.quantiles[column, 0])
        words = f"{value - half:.4g} to {value + half:.4g}" if math.isfinite(half) else ABSTAINS
        return words if len(self.names) == 1 else f"{self.names[column]}: {words}"


class ConformalDocument(Document):
    """``conformal`` in a bundle's calibration.json."""

    coverage: Annotated[float, Field(gt=0, lt=1)]
    quantiles: dict[str, dict[str, Annotated[float, Field(ge=0)] | None]]
    """Class → answer → quantile; null where the answer is in every set."""
    subjects: dict[str, dict[str, Annotated[int, Field(ge=0)]]]
    """Class → answer → number of subjects behind the quantile."""


def shares(
    covered: Array,
    abstained: NDArray[np.bool_],
    kind: Kind,
    names: Sequence[str],
    groups: Sequence[Any] | NDArray[Any] | None = None,
) -> dict[str, Any]:
    """``n``, ``covered`` and ``abstains`` over all true answers, and per class with a Wilson 95 % interval.

    Args:
        covered: "sample name answer" of ``Conformal.holds``.
        abstained: "sample name" of ``Conformal.abstains``.
        kind: of the target.
        names: of its outputs.
        groups: "sample", subjects; their number sets the width of the intervals.
    """
    subject = np.arange(len(covered)) if groups is None else np.asarray(groups)
    classes: dict[str, Any] = {}
    for column, name in enumerate(names):
        for answer, part in enumerate(Conformal.answers(kind)):
            rows = np.isfinite(covered[:, column, answer])
            classes[f"not {name}" if part == "absent" else name] = _share(
                covered[rows, column, answer], abstained[rows, column], len(np.unique(subject[rows]))
            )
    known = np.isfinite(covered)
    every = np.broadcast_to(abstained[:, :, None], covered.shape)[known]
    return {"n": int(known.sum()), "covered": _mean(covered[known]), "abstains": _mean(every), "classes": classes}


def _share(covered: Array, abstained: NDArray[np.bool_], subjects: int) -> dict[str, Any]:
    share = _mean(covered)
    low, high = (None, None) if share is None else wilson(share, subjects)
    return {
        "n": len(covered),
        "subjects": subjects,
        "covered": share,
        "low": low,
        "high": high,
        "abstains": _mean(abstained),
    }


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _scores(calibrated: Array, y: Array, kind: Kind) -> Array:
    """The score of each answer if it were true, for values the residual: "sample name answer"."""
    if kind in VALUES:
        return np.asarray(np.abs(y - calibrated)[:, :, None])
    return np.asarray(
        (1.0 - calibrated)[:, :, None] if kind == "multiclass" else np.stack([1.0 - calibrated, calibrated], axis=2)
    )


def _is_true(y: Array, kind: Kind) -> NDArray[np.bool_]:
    """Which answer is true: "sample name answer"."""
    if kind in VALUES:
        return np.isfinite(y)[:, :, None]
    return (y == 1)[:, :, None] if kind == "multiclass" else np.stack([y == 1, y == 0], axis=2)


def _quantile(scores: Array, subject: NDArray[np.int64], coverage: float) -> tuple[float, int]:
    """The smallest score at which (n + 1) coverage of n subjects, each of weight 1, is reached; else infinity."""
    _, subject_of, samples = np.unique(subject, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum((1.0 / samples[subject_of])[order]) if len(scores) else np.empty(0)
    wanted = (len(samples) + 1) * coverage
    if len(scores) == len(samples):
        wanted = math.ceil(wanted - _SLACK)
    enough = np.flatnonzero(reached >= wanted - _SLACK)
    return (float(scores[order[enough[0]]]) if len(enough) else math.inf), len(samples)
