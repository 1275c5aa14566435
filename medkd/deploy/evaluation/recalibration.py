"""Recalibration of probabilities and thresholds on named subjects, only when asked; the bundle is never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from scipy.special import expit, logit

from medkd.data.core.target import Target
from medkd.deploy.evaluation.labels import class_matrix
from medkd.errors import InputError, nearest
from medkd.evidence.calibration.calibration_slope import CERTAIN, calibration_slope
from medkd.evidence.calibration.conformal import VALUES
from medkd.evidence.calibration.temperature_scaling import fit_temperature, probabilities
from medkd.evidence.calibration.thresholds import choose_threshold, parse_rule
from medkd.evidence.figures.appearance import RECALIBRATED
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.metrics import Array
from medkd.evidence.subgroups import too_small

_REMEDY = "Write a share of the subjects such as 0.3, or COLUMN=VALUE such as site=A"
_OPTION = "--recalibrate"


@dataclass(frozen=True)
class Subset:
    """Subjects whose outcomes may be used.

    Args:
        description: in words.
        share: of the subjects, by a hash of their ids; None where a column selects them.
        column, value: of the sample table.
    """

    description: str
    share: float | None = None
    column: str = ""
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> Subset:
        """From ``0.3`` or ``site=A`` (``on=site=A`` is the same).

        Raises:
            InputError: it is neither.

        >>> Subset.parse("on=site=A")
        Subset(description='site=A', share=None, column='site', value='A')
        """
        text = text.removeprefix("on=")
        column, equals, value = text.partition("=")
        if equals and column and value:
            return cls(text, column=column, value=value)
        try:
            share = float(text)
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise InputError(f"'{text}' names no subset", where=_OPTION, remedy=_REMEDY)
        return cls(f"{share * 100:g}% of the subjects", share=share)

    def subjects(self, labels: pl.DataFrame) -> set[str]:
        """Ids of the chosen subjects: the same in every run.

        Args:
            labels: ``subject_id`` and the columns that a subset may name.

        Raises:
            InputError: there is no such column, or nobody has the value.
        """
        everyone = labels["subject_id"].unique().to_list()
        if self.share is not None:
            return {name for name in everyone if _uniform(name) < self.share}
        if self.column not in labels.columns:
            raise InputError(
                f"there is no column '{self.column}'", where=_OPTION, remedy=nearest(self.column, labels.columns)
            )
        values = labels[self.column].cast(pl.String)
        chosen = set(labels.filter(values == self.value)["subject_id"].to_list())
        if not chosen:
            known = sorted(values.drop_nulls().unique().to_list())
            raise InputError(
                f"nobody has {self.column} '{self.value}'", where=_OPTION, remedy=nearest(self.value, known)
            )
        return chosen


@dataclass(frozen=True)
class Recalibration:
    """Map from uncalibrated probabilities to those of the site, and the threshold there.

    Args:
        subset: on whom it was fitted.
        lines: class → intercept and slope: p' = expit(a + b logit(p)); empty for exclusive classes.
        temperature: of exclusive classes, p' = softmax(log(p) / T); else None.
        threshold: by class, on p'; None where no decision is made.
        rule: that chose it.
        samples, subjects: fitted on.
        positives: by class, samples.
    """

    subset: str
    lines: Mapping[str, tuple[float, float]]
    temperature: float | None
    threshold: Mapping[str, float | None]
    rule: str
    samples: int
    subjects: int
    positives: Mapping[str, int]

    @classmethod
    def fit(
        cls, scored: pl.DataFrame, target: Target, settings: EvidenceSettings, rule: str, subset: Subset
    ) -> Recalibration:
        """From the subset's samples.

        Args:
            scored: see ``labelled_predictions``, of the subset alone.
            target: what is predicted; a regression has nothing to recalibrate.
            settings: the least number of subjects.
            rule: for the threshold; where it is unknown, the settings'.
            subset: as asked for.

        Raises:
            InputError: the subset is too small, or the line would reverse the ranking.
        """
        where = f"{_OPTION} {subset.description}"
        if target.kind in VALUES:
            raise InputError(
                f"a {target.kind} has no probability to recalibrate", where=where, remedy="Leave the option out"
            )
        if why := too_small(scored, target, settings.min_group):
            raise InputError(f"too few to recalibrate on: {why}", where=where, remedy="Name more subjects")
        rule = _known_rule(rule, settings.threshold)
        raw, y = class_matrix(scored, target, "score"), class_matrix(scored, target, "y")
        lines: dict[str, tuple[float, float]] = {}
        temperature = None
        if target.is_categorical:
            temperature = fit_temperature(_log(raw), y, categorical=True)
        else:
            for index, name in enumerate(target.names):
                known = np.isfinite(y[:, index])
                lines[name] = calibration_slope(y[known, index], raw[known, index])
                if lines[name][1] <= 0:
                    raise InputError(
                        f"on these subjects {name} is less likely where the model predicts more "
                        f"(slope {lines[name][1]:.2f})",
                        where=where,
                        remedy="Do not use the model here; leave the option out to see its figures",
                    )
        counts = {name: int(np.nansum(y[:, index])) for index, name in enumerate(target.names)}
        samples, subjects = scored["sample"].n_unique(), scored["subject"].n_unique()
        recalibration = cls(subset.description, lines, temperature, {}, rule, samples, subjects, counts)
        fitted = recalibration.apply(raw, target)
        threshold: dict[str, float | None] = dict.fromkeys(target.names, None)
        for index, name in enumerate(lines):
            known = np.isfinite(y[:, index])
            threshold[name] = choose_threshold(y[known, index], fitted[known, index], rule)
        return replace(recalibration, threshold=threshold)

    def apply(self, raw: Array, target: Target) -> Array:
        """Uncalibrated probabilities "sample class" to those of the site."""
        if self.temperature is not None:
            return probabilities(_log(raw), categorical=True, temperature=self.temperature)
        lines = np.array([self.lines[name] for name in target.names])
        result: Array = expit(lines[:, 0] + lines[:, 1] * logit(np.clip(raw, CERTAIN, 1 - CERTAIN)))
        return result

    def arm(self, scored: pl.DataFrame, target: Target) -> pl.DataFrame:
        """The rows of ``scored`` again, as a second arm with the site's probabilities and threshold."""
        table = scored.sort("sample", "class")
        order = sorted(target.names)
        raw = class_matrix(table, target, "score")
        fitted = self.apply(raw, target)[:, [target.names.index(name) for name in order]]
        cut = [self.threshold.get(name) for name in order]
        return table.with_columns(
            pl.lit(RECALIBRATED).alias("arm"),
            pl.Series("calibrated", fitted.ravel()),
            pl.Series("threshold", cut * len(fitted), dtype=pl.Float64),
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "subset": self.subset,
            "samples": self.samples,
            "subjects": self.subjects,
            "positives": dict(self.positives),
            "classes": {
                name: {
                    "intercept": self.lines[name][0] if name in self.lines else None,
                    "slope": self.lines[name][1] if name in self.lines else None,
                    "threshold": cut,
                }
                for name, cut in self.threshold.items()
            },
            "temperature": self.temperature,
            "rule": self.rule,
        }


def _uniform(subject: str) -> float:
    """A number in 0-1 that depends on the subject alone."""
    digest = hashlib.sha256(f"recalibration:{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _log(raw: Array) -> Array:
    result: Array = np.log(np.clip(raw, CERTAIN, None))
    return result


def _known_rule(rule: str, default: str) -> str:
    try:
        parse_rule(rule)
    except InputError:
        return default
    return rule
