"""Split-conformal sets: with each probability, the answers that it leaves open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from medkd.data.core.target import Kind, Target
from medkd.errors import InputError, nearest
from medkd.evidence.calibration.temperature import wilson
from medkd.evidence.statistics.metrics import Array

ABSTAINS = "abstains"
VALUES = ("regression", "forecast")
"""Kinds of target whose set is an interval."""
_SLACK = 1e-9


@dataclass(frozen=True)
class Conformal:
    r"""Sets that hold the truth in at least ``coverage`` of exchangeable items, whatever the model is worth.

    An answer stands in an item's set if its score is at most the answer's quantile. Of classes the score is 1 - p of
    the answer, and each answer has a quantile of its own, taken over the items of which it is true, so that the
    coverage holds among the diseased and among the healthy, not only over both. Of values the score is the absolute
    residual. With n items the quantile is the ⌈(n + 1) coverage⌉-th smallest score; where there are fewer items than
    that the answer stands in every set.

    What it takes for granted: that new items are exchangeable with those it was fitted on. It is fitted on predictions
    of the folds' models, of which the deployed one is a refit, and after their temperature, so that the coverage of the
    deployed model is an estimate; with several predictions of one subject the quantile's finite-sample argument holds
    approximately. See ``held_out_coverage``.

    Args:
        coverage: above 0 and below 1.
        kind: of the target.
        names: of its outputs.
        quantiles: "name answer" (see ``answers``), infinite where items were too few.
        counts: "name answer", subjects that each quantile rests on.

    Source: Vovk 2012, arXiv:1209.2673 (label-conditional inductive conformal predictors); the finite-sample quantile as
    in Angelopoulos and Bates 2021, arXiv:2107.07511, section 1; the score of exclusive classes is LAC with error levels
    of each class, Sadinle, Lei and Wasserman 2019, arXiv:1609.00451. Of several items a subject each weighs the inverse
    of their number and n counts subjects: "pooling CDFs", Dunn, Wasserman and Ramdas 2022, arXiv:1809.07441.

    >>> p = np.array([[0.9], [0.8], [0.7], [0.2], [0.1], [0.3]])
    >>> sets = Conformal.fit(p, np.array([[1.0], [1], [1], [0], [0], [0]]), Target("cd", "binary", ("cd",)), coverage=0.75)
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
        """What is asked of each output."""
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
        """From calibrated predictions of items that the model was not fitted on.

        Args:
            calibrated: "sample output", probabilities, or values of a regression.
            y: "sample output", 0 or 1 (one-hot of exclusive classes) or a value; NaN where unlabelled.
            target: what is predicted.
            coverage: wanted, above 0 and below 1.
            groups: "sample", the subject of each; without it each sample is one.

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
        scores, asked = _scores(calibrated, y, target.kind), _asked(y, target.kind)
        quantiles, counts = np.full(asked.shape[1:], np.inf), np.zeros(asked.shape[1:], dtype=np.int64)
        for place in np.ndindex(quantiles.shape):
            rows = asked[(slice(None), *place)]
            quantiles[place], counts[place] = _quantile(scores[(rows, *place)], subject[rows], coverage)
        return cls(float(coverage), target.kind, target.names, quantiles, counts)

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; a quantile of null stands for "in every set"."""
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
        """From what ``document`` gave.

        Raises:
            InputError: a key, a class or an answer is missing or unknown, or a number is out of range.
        """
        known = ("coverage", "quantiles", "subjects")
        if not isinstance(document, Mapping) or set(document) != set(known):
            wrong = (
                next((str(key) for key in document if key not in known), "") if isinstance(document, Mapping) else ""
            )
            raise InputError(
                "conformal cannot be read",
                where=where,
                remedy=nearest(wrong, known) if wrong else f"It has: {', '.join(known)}",
            )
        coverage = document["coverage"]
        if not _is_number(coverage) or not 0 < coverage < 1:
            raise InputError(
                f"conformal coverage is {coverage!r}", where=where, remedy="Give a share above 0 and below 1"
            )
        parts = cls.answers(target.kind)
        tables = []
        for what in ("quantiles", "subjects"):
            held = document[what]
            fits = isinstance(held, Mapping) and set(held) == set(target.names)
            if not fits or any(not isinstance(row, Mapping) or set(row) != set(parts) for row in held.values()):
                raise InputError(
                    f"conformal {what} do not name {', '.join(target.names)} with {', '.join(parts)}", where=where
                )
            tables.append([[held[name][part] for part in parts] for name in target.names])
        quantiles, counts = tables
        if any(value is not None and not (_is_number(value) and value >= 0) for row in quantiles for value in row):
            raise InputError(
                "a conformal quantile is no number of 0 or more",
                where=where,
                remedy="Write null for one that is not known",
            )
        if any(type(value) is not int or value < 0 for row in counts for value in row):
            raise InputError("a conformal count is no whole number of 0 or more", where=where)
        bounds = np.array([[np.inf if value is None else float(value) for value in row] for row in quantiles])
        return cls(float(coverage), target.kind, target.names, bounds, np.array(counts, dtype=np.int64))

    def sets(self, calibrated: Array) -> list[str]:
        """Each item's set as text.

        Binary: "cd", "not cd", or "abstains" where both or none of them fit. Multilabel: the same of each class, joined
        by "; ", with "cd: abstains". Exclusive classes: names joined by " or ", "abstains" where all or none fit.
        Values: "LOW to HIGH".

        Args:
            calibrated: "sample output".
        """
        if self.kind in VALUES:
            return ["; ".join(self._interval(value, place) for place, value in enumerate(row)) for row in calibrated]
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
        """Whether each truth stands in its set: 1, 0, or NaN where it is not asked; "sample name answer".

        Args:
            calibrated, y: as for ``fit``.
        """
        held = (_scores(calibrated, y, self.kind) <= self.quantiles).astype(np.float64)
        held[~_asked(y, self.kind)] = np.nan
        return held

    def abstains(self, calibrated: Array) -> NDArray[np.bool_]:
        """Whether each set says nothing: all or none of the answers fit.

        "sample name" (alike for all names of exclusive classes).
        """
        if self.kind in VALUES:
            return np.broadcast_to(~np.isfinite(self.quantiles[:, 0]), calibrated.shape)
        fits = self._fits(calibrated)
        if self.kind == "multiclass":
            return np.repeat(fits.all(axis=(1, 2)) | ~fits.any(axis=(1, 2)), len(self.names)).reshape(calibrated.shape)
        return np.asarray(fits[:, :, 0] == fits[:, :, 1])

    def coverage_of(
        self, calibrated: Array, y: Array, groups: Sequence[Any] | NDArray[Any] | None = None
    ) -> dict[str, Any]:
        """The share of truths that stand in their sets, of each class, and how often the sets abstain (see ``shares``).

        Args:
            calibrated, y, groups: as for ``fit``, of items that it was not fitted on.
        """
        return shares(self.holds(calibrated, y), self.abstains(calibrated), self.kind, self.names, groups)

    def _fits(self, calibrated: Array) -> NDArray[np.bool_]:
        """Which answers fit: "sample name answer"."""
        present = 1.0 - calibrated
        scores = present[:, :, None] if self.kind == "multiclass" else np.stack([present, calibrated], axis=2)
        return np.asarray(scores <= self.quantiles)

    def _interval(self, value: float, place: int) -> str:
        half = float(self.quantiles[place, 0])
        words = f"{value - half:.4g} to {value + half:.4g}" if math.isfinite(half) else ABSTAINS
        return words if len(self.names) == 1 else f"{self.names[place]}: {words}"


def shares(
    held: Array,
    silent: NDArray[np.bool_],
    kind: Kind,
    names: Sequence[str],
    groups: Sequence[Any] | NDArray[Any] | None = None,
) -> dict[str, Any]:
    """``n``, ``covered`` and ``abstains`` over all truths.

    And the same with a Wilson 95 % interval (``low``, ``high``) by class.

    Args:
        held: "sample name answer" of ``Conformal.holds``.
        silent: "sample name" of ``Conformal.abstains``.
        kind, names: of the target.
        groups: "sample", subjects: intervals are as wide as their number asks for.
    """
    subject = np.arange(len(held)) if groups is None else np.asarray(groups)
    classes: dict[str, Any] = {}
    for place, name in enumerate(names):
        for answer, part in enumerate(Conformal.answers(kind)):
            rows = np.isfinite(held[:, place, answer])
            found = _share(held[rows, place, answer], silent[rows, place], len(np.unique(subject[rows])))
            classes[f"not {name}" if part == "absent" else name] = found
    known = np.isfinite(held)
    every = np.broadcast_to(silent[:, :, None], held.shape)[known]
    return {"n": int(known.sum()), "covered": _mean(held[known]), "abstains": _mean(every), "classes": classes}


def _share(held: Array, silent: NDArray[np.bool_], subjects: int) -> dict[str, Any]:
    covered = _mean(held)
    low, high = (None, None) if covered is None else wilson(covered, subjects)
    return {
        "n": len(held),
        "subjects": subjects,
        "covered": covered,
        "low": low,
        "high": high,
        "abstains": _mean(silent),
    }


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _scores(calibrated: Array, y: Array, kind: Kind) -> Array:
    """Of each answer if it were true: "sample name answer"; of values the residual."""
    if kind in VALUES:
        return np.asarray(np.abs(y - calibrated)[:, :, None])
    return np.asarray(
        (1.0 - calibrated)[:, :, None] if kind == "multiclass" else np.stack([1.0 - calibrated, calibrated], axis=2)
    )


def _asked(y: Array, kind: Kind) -> NDArray[np.bool_]:
    """Which answer is the true one: "sample name answer"."""
    if kind in VALUES:
        return np.isfinite(y)[:, :, None]
    return (y == 1)[:, :, None] if kind == "multiclass" else np.stack([y == 1, y == 0], axis=2)


def _quantile(scores: Array, subject: NDArray[np.int64], coverage: float) -> tuple[float, int]:
    """The smallest score at which (n + 1) coverage of n subjects, each weighing 1, are reached.

    Infinite where they never are.
    """
    _, place, items = np.unique(subject, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum((1.0 / items[place])[order]) if len(scores) else np.empty(0)
    wanted = (
        math.ceil((len(items) + 1) * coverage - _SLACK) if len(scores) == len(items) else (len(items) + 1) * coverage
    )
    found = np.flatnonzero(reached >= wanted - _SLACK)
    return (float(scores[order[found[0]]]) if len(found) else math.inf), len(items)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
