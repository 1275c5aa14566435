"""Input drift, ``drift.json``: distance of an input from those that the model was trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from medkd.data.loading import store
from medkd.deploy.bundle.drift_summaries import SCALES, Array, Summaries
from medkd.deploy.bundle.preprocessing import Prepared, Preprocessing
from medkd.deploy.bundle.schema_version import Versioned
from medkd.errors import InputError

LEAST = 20
"""Training samples below which there is no reference."""
MOST = 50_000
"""Training samples above which as many of them, evenly spread, make the reference."""
WHOLE = 256
"""Number of summaries up to which their full covariance is used."""
EDGE = 5.0
"""Bound at which a training sample's standardised summary is cut before the covariance is fitted."""
PERCENTILE = 99.0
_PARTS = 5
_REMEDY = "Copy the bundle again from its source"
Positive = Annotated[float, Field(gt=0)]


class DriftDocument(Versioned):
    """What ``drift.json`` holds; see ``Drift`` and ``Reference`` for what the numbers are."""

    schema_version: Literal[1] = 1
    inputs: tuple[Summaries, ...]
    samples: int = Field(gt=0)
    bound: Positive
    offset: list[Annotated[float, Field(ge=0)]]
    centre: list[float]
    scale: list[Positive]
    whitening: list[list[float]] | None
    """Rows of the lower triangle, each without its zeros."""
    edges: list[list[float]]
    shares: list[list[float]]


@dataclass(frozen=True)
class Reference:
    """The usual value of each summary. Of scales the logarithm is taken; then ``z = 2 asinh((s - centre) / 2 scale)``.

    Args:
        offset: added to a scale before its logarithm is taken, so that a flat line has one; 0 for other summaries.
        centre: median.
        scale: interquartile range over 1.349, the deviation of a normal distribution.
        whitening: "summary summary", lower triangle: distances are lengths of ``whitening.T @ z``; None: lengths of z.
    """

    offset: Array
    centre: Array
    scale: Array
    whitening: Array | None

    @classmethod
    def fit(cls, summaries: Array, is_scale: NDArray[np.bool_]) -> Self:
        """Of training samples "sample summary"; NaN is not observed."""
        from sklearn.covariance import LedoitWolf  # takes a while, and only fitting needs it

        known = np.where(np.isfinite(summaries).any(axis=0), summaries, 0.0)
        middle = np.nanmedian(known, axis=0)
        offset = _rounded(np.where(is_scale, np.where(middle > 0, 0.01 * middle, 0.01), 0.0))
        moved = _moved(known, offset, is_scale)
        low, centre, high = np.nanpercentile(moved, [25, 50, 75], axis=0)
        scale = (high - low) / 1.349
        scale = np.where(scale > 0, scale, np.nanstd(moved, axis=0))
        # What never varied: a hundredth of its own size counts as one deviation.
        scale = np.where(scale > 1e-9, scale, np.maximum(0.01 * np.abs(centre), 0.01))
        diagonal = cls(offset, _rounded(centre), _rounded(scale), None)
        if summaries.shape[1] > WHOLE:
            return diagonal
        standard = np.clip(diagonal.standard(summaries), -EDGE, EDGE)
        precision = LedoitWolf(assume_centered=True).fit(standard).precision_
        return replace(diagonal, whitening=_rounded(np.linalg.cholesky(precision)))

    def standard(self, summaries: Array) -> Array:
        """Deviations from what is usual, long tails drawn in; 0 where a summary does not exist.

        Its absence shows in the share observed.
        """
        deviations = (_moved(summaries, self.offset, self.offset > 0) - self.centre) / self.scale
        # Nearly the identity up to 2: a few wild training samples would otherwise set the bound so high that only wild
        # ones pass it.
        return np.asarray(2 * np.arcsinh(np.where(np.isnan(deviations), 0.0, deviations) / 2))

    def distances(self, summaries: Array) -> Array:
        """Mahalanobis distances "sample"."""
        standard = self.standard(summaries)
        return np.asarray(
            np.sqrt(np.square(standard if self.whitening is None else standard @ self.whitening).sum(axis=1))
        )


@dataclass(frozen=True)
class Drift:
    """The input-drift reference: summaries of the training samples' prepared inputs, as aggregates only.

    Each input is described by a few numbers (``Summaries``). Its distance is that of Mahalanobis, under the Ledoit-Wolf
    covariance of the training samples' summaries; above ``WHOLE`` summaries, where a covariance would outgrow the
    bundle, the diagonal one, in which what is correlated counts more than once. It is divided by the 99th percentile of
    the training samples' distances, each measured from the other four fifths of them, since a covariance of many
    summaries lies close to its own samples: about one training sample in a hundred has a drift above 1. A drift above 1
    says that the input looks unusual, not that the prediction is wrong; one below 1 says nothing about what the
    summaries do not describe.

    Size of ``drift.json``: about 0.25 kB per summary and, up to 256 summaries, 5 bytes for each pair of them; 12 vital
    signs take 0.05 MB, and no view of five modalities more than 0.6 MB.

    Args:
        inputs: how each modality is described, in the view's order.
        reference: the usual values.
        bound: the 99th percentile of the training samples' distances.
        samples: their number, at most ``MOST``.
        edges: "summary edge", the nine inner deciles.
        shares: "summary bin", the share of the training samples in each of the ten bins; zeros where a summary
            never existed.

    Source: Ledoit and Wolf 2004, Journal of Multivariate Analysis 88:365, eq. 14 (as scikit-learn has it).
    """

    inputs: tuple[Summaries, ...]
    reference: Reference
    bound: float
    samples: int
    edges: Array
    shares: Array

    @classmethod
    def fit(cls, preprocessing: Preprocessing, stored: Mapping[str, store.Prepared], sample_ids: Sequence[str]) -> Self:
        """From the prepared arrays of the training samples.

        Args:
            preprocessing: of the student, with its statistics.
            stored: its prepared arrays by modality.
            sample_ids: of the training samples.

        Raises:
            InputError: there are fewer than ``LEAST`` of them, or one was not prepared.
        """
        if len(sample_ids) < LEAST:
            raise InputError(
                f"{len(sample_ids)} training samples", where="input drift", remedy=f"A reference needs {LEAST} or more"
            )
        sample_ids = sample_ids[:: math.ceil(len(sample_ids) / MOST)]
        inputs = tuple(Summaries.of(preprocessing.modalities[part.modality], part) for part in preprocessing.view.parts)
        summaries = np.concatenate(
            [_training(part, preprocessing, stored[part.modality], sample_ids) for part in inputs], axis=1
        )
        is_scale = np.array([name.rpartition("/")[2] in SCALES for part in inputs for name in part.names])
        edges, shares = _deciles(summaries)
        return cls(
            inputs, Reference.fit(summaries, is_scale), _bound(summaries, is_scale), len(sample_ids), edges, shares
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the summaries: ``MODALITY/CHANNEL/SUMMARY``."""
        return tuple(name for part in self.inputs for name in part.names)

    def summaries(self, prepared: Sequence[Prepared]) -> Array:
        """Summaries "sample summary" of prepared and normalised samples; of several windows the mean.

        Raises:
            InputError: a sample has another shape than those that the model was trained on.
        """
        return np.stack(
            [
                np.concatenate([_over_windows(part.take(sample[part.modality])) for part in self.inputs])
                for sample in prepared
            ]
        )

    def distance(self, prepared: Prepared) -> float:
        """The drift of one sample, 0 or more; above 1 it is flagged.

        Raises:
            InputError: see ``summaries``.
        """
        return float(self.distances(self.summaries([prepared]))[0])

    def distances(self, summaries: Array) -> Array:
        """The drift of samples by their summaries "sample summary"."""
        return self.reference.distances(summaries) / self.bound

    def psi(self, summaries: Array) -> dict[str, float]:
        """The population stability index of each summary: Σ (a - e) ln(a / e) over the deciles of the training samples.

        Half a sample is added to each bin of either side, so that an empty one does not make it infinite. By custom
        below 0.1 is called stable and above 0.25 changed; of n samples of the same kind about 9 / n is to be expected
        by chance. Summaries that none of the samples have are left out.

        Args:
            summaries: "sample summary" of many samples.

        Source: Siddiqi 2006, Credit Risk Scorecards, chapter 8.
        """
        shift = {}
        for index, name in enumerate(self.names):
            values = summaries[np.isfinite(summaries[:, index]), index]
            if len(values) and self.shares[index].any():
                counts = _bins(values, self.edges[index])
                actual = (counts + 0.5) / (len(values) + 5)
                expected = (self.shares[index] * self.samples + 0.5) / (self.samples + 5)
                shift[name] = float(((actual - expected) * np.log(actual / expected)).sum())
        return shift

    def to_dict(self) -> dict[str, Any]:
        """As plain values, which ``DriftDocument`` describes."""
        return self.to_document().model_dump(mode="json")

    def to_document(self) -> DriftDocument:
        """As ``drift.json`` holds it."""
        whitening = self.reference.whitening
        return DriftDocument(
            inputs=self.inputs,
            samples=self.samples,
            bound=self.bound,
            offset=self.reference.offset.tolist(),
            centre=self.reference.centre.tolist(),
            scale=self.reference.scale.tolist(),
            whitening=None if whitening is None else [row[: index + 1].tolist() for index, row in enumerate(whitening)],
            edges=self.edges.tolist(),
            shares=self.shares.tolist(),
        )

    @classmethod
    def from_document(cls, document: DriftDocument, preprocessing: Preprocessing, where: str) -> Self:
        """From what ``drift.json`` holds.

        Raises:
            InputError: it is of other inputs than the preprocessing's, or holds another count of numbers.
        """
        expected = [Summaries.of(preprocessing.modalities[part.modality], part) for part in preprocessing.view.parts]
        if [part.layout for part in document.inputs] != [part.layout for part in expected]:
            raise InputError("inputs are not those of preprocess.yaml", where=where, remedy=_REMEDY)
        count = sum(len(part.names) for part in document.inputs)
        offset, centre, scale = (
            _array(getattr(document, key), (count,), f"{where}, {key}") for key in ("offset", "centre", "scale")
        )
        edges = _array(document.edges, (count, 9), f"{where}, edges")
        shares = _array(document.shares, (count, 10), f"{where}, shares")
        whitening = None
        if document.whitening is not None:
            rows = [[*row, *[0.0] * (count - len(row))] for row in document.whitening]
            whitening = _array(rows, (count, count), f"{where}, whitening")
        reference = Reference(offset, centre, scale, whitening)
        return cls(document.inputs, reference, document.bound, document.samples, edges, shares)


def _training(
    part: Summaries, preprocessing: Preprocessing, stored: store.Prepared, sample_ids: Sequence[str]
) -> Array:
    """Summaries of stored arrays, normalised as ``Preprocessing.prepare`` does, 1,024 samples at a time."""
    statistics, rows, summaries = preprocessing.statistics[part.modality], stored.rows(sample_ids), []
    for start in range(0, len(rows), 1024):
        chosen = rows[start : start + 1024]
        values = np.array(stored.values[chosen], dtype=np.float32)
        values[~stored.present[chosen]] = np.nan
        summaries.append(part.take(statistics.apply(torch.from_numpy(values)).numpy()))
    return np.concatenate(summaries)


def _bound(summaries: Array, is_scale: NDArray[np.bool_]) -> float:
    """The 99th percentile of training distances, each from the other parts."""
    parts = np.random.default_rng(0).permutation(len(summaries)) % _PARTS
    held_out = [
        Reference.fit(summaries[parts != part], is_scale).distances(summaries[parts == part]) for part in range(_PARTS)
    ]
    return float(_rounded(np.maximum(np.percentile(np.concatenate(held_out), PERCENTILE), 1e-9)))


def _deciles(summaries: Array) -> tuple[Array, Array]:
    edges, shares = np.zeros((summaries.shape[1], 9)), np.zeros((summaries.shape[1], 10))
    for index, column in enumerate(summaries.T):
        if len(known := column[np.isfinite(column)]):
            edges[index] = _rounded(np.quantile(known, np.arange(1, 10) / 10))
            shares[index] = _rounded(_bins(known, edges[index]) / len(known))
    return edges, shares


def _bins(values: Array, edges: Array) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=10)


def _over_windows(summaries: Array) -> Array:
    known = np.isfinite(summaries)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, summaries, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _moved(summaries: Array, offset: Array, is_scale: NDArray[np.bool_]) -> Array:
    return np.where(is_scale, np.log(np.where(is_scale, summaries + offset, 1.0)), summaries)


def _rounded(values: Any) -> Array:
    """To six significant digits: what is stored is what was fitted with, and the file stays small."""
    exact = np.asarray(values, dtype=np.float64)
    return np.array([float(f"{value:.6g}") for value in exact.ravel()]).reshape(exact.shape)


def _array(rows: Any, shape: tuple[int, ...], where: str) -> Array:
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError:
        values = np.empty(0)
    if values.shape != shape:
        raise InputError(f"does not hold {' x '.join(map(str, shape))} numbers", where=where, remedy=_REMEDY)
    return values
