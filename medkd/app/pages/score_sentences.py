"""Sentences that interpret a score: calibration, threshold, conformal set, drift and weak subgroups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medkd.app.pages.markup import percent


def reliability_sentence(name: str, p: float, report: Mapping[str, Any]) -> str:
    """The observed frequency among test samples with a similar score, from the run's reliability curve.

    Args:
        name: the class.
        p: calibrated probability.
        report: the bundle's ``report.json``; without a reliability curve the sentence is "".

    >>> bin = {"predicted": 0.6, "observed": 0.64, "low": 0.46, "high": 0.78, "count": 94}
    >>> reliability_sentence("cd", 0.62, {"calibration": {"student": {"classes": {"cd": {"reliability": [bin]}}}}})
    'Of 100 with a score like this in the test, about 64 had it (46 to 78; n = 94).'
    """
    bins: Sequence[Mapping[str, Any]] = (
        _nested(report, "calibration", "student", "classes", name).get("reliability") or ()
    )
    if not bins:
        return ""
    near = min(bins, key=lambda row: abs(row["predicted"] - p))
    low, high = 100 * near["low"], 100 * near["high"]
    about = f"{100 * near['observed']:.0f} had it ({low:.0f} to {high:.0f}; n = {near['count']})"
    text = f"Of 100 with a score like this in the test, about {about}."
    if not near["low"] <= near["predicted"] <= near["high"]:
        text += f" Scores near {near['predicted']:.2f} were not well calibrated there: rely on the counts."
    return text


def threshold_sentence(card: Mapping[str, Any]) -> str:
    """Sensitivity and specificity in the test; "" if the card has none.

    >>> metrics = {"sensitivity": {"value": 0.45, "low": 0.4, "high": 0.52}, "specificity": {"value": 0.9}}
    >>> print(threshold_sentence({"student_metrics": metrics}).replace(" and ", chr(10)))
    At its threshold, in the test, it found 45 % of those who had it (40 % to 52 %)
    cleared 90 % of those who had not.
    """
    sensitivity, specificity = (_nested(card, "student_metrics", name) for name in ("sensitivity", "specificity"))
    if sensitivity.get("value") is None or specificity.get("value") is None:
        return ""
    return (
        f"At its threshold, in the test, it found {percent(sensitivity['value'])} of those who had it"
        f"{_range(sensitivity)} and cleared {percent(specificity['value'])} of those who had not{_range(specificity)}."
    )


def conformal_sentence(text: str | None, coverage: float | None) -> str:
    """The conformal set with its coverage.

    >>> conformal_sentence("abstains", 0.9)
    'The model abstains: at 90 % coverage the answer stays open.'
    """
    if text is None:
        return "This bundle has no conformal sets."
    at_coverage = "" if coverage is None else f"at {percent(coverage)} coverage "
    if text == "abstains":
        return f"The model abstains: {at_coverage}the answer stays open."
    return f"Its set, {at_coverage}is: {text}." if coverage is None else f"Its set {at_coverage}is: {text}."


def drift_sentence(drift: float | None) -> tuple[str, str]:
    """CSS class and sentence on the drift of an input.

    >>> drift_sentence(1.7)[0]
    'warn'
    """
    if drift is None:
        return (
            "",
            "Whether the input is like those that the model was trained on is not known: the bundle has no reference.",
        )
    if drift > 1:
        return (
            "warn",
            f"Unlike the training data: drift {drift:.2f}, above 1, where 1 % of training samples lie. "
            "The figures may not hold here.",
        )
    return "good", f"Within the range of the training data (drift {drift:.2f}; flagged above 1)."


def weak_subgroups(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The card's subgroups, each with ``weak``: see ``WEAK_SUBGROUP_NOTE``.

    >>> group = {"group": "80 +", "suppressed": False, "value": 0.6, "low": 0.5, "high": 0.7}
    >>> weak_subgroups({"figures": {"student": {"value": 0.8}}, "subgroups": [group]})[0]["weak"]
    True
    """
    whole = _nested(card, "figures", "student").get("value")
    lower_is_better = str(card.get("metric", "")).lower() in ("rmse", "mae", "brier", "ece")
    rows = []
    for row in card.get("subgroups") or ():
        weak = bool(row.get("suppressed"))
        if not weak and whole is not None and row.get("low") is not None:
            weak = row["low"] > whole if lower_is_better else row["high"] < whole
        # A wide interval may contain the whole test's value: a value 0.05 or more below it is weak too.
        if not weak and whole is not None and row.get("value") is not None and not lower_is_better:
            weak = row["value"] < whole - 0.05
        rows.append({**row, "weak": weak})
    return rows


WEAK_SUBGROUP_NOTE = (
    "Weak: the interval lies below the value of the whole test, the value is 0.05 or more below it, "
    "or the group was too small to measure."
)


def _range(estimate: Mapping[str, Any]) -> str:
    return "" if estimate.get("low") is None else f" ({percent(estimate['low'])} to {percent(estimate['high'])})"


def _nested(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The mapping at a path of keys; empty if there is none."""
    for key in keys:
        value = document.get(key)
        document = value if isinstance(value, Mapping) else {}
    return document
