"""What a score means, in sentences that the run's own figures support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medkd.app.pages.markup import percent


def like_this(name: str, p: float, report: Mapping[str, Any]) -> str:
    """How many test samples with such a score had it, from the reliability curve of the run's test.

    Args:
        name: the class.
        p: calibrated probability.
        report: the bundle's ``report.json``.

    >>> bin = {"predicted": 0.6, "observed": 0.64, "low": 0.46, "high": 0.78, "count": 94}
    >>> like_this("cd", 0.62, {"calibration": {"student": {"classes": {"cd": {"reliability": [bin]}}}}})
    'Of 100 with a score like this in the test, about 64 had it (46 to 78; n = 94).'
    """
    bins: Sequence[Mapping[str, Any]] = _dig(report, "calibration", "student", "classes", name).get("reliability") or ()
    if not bins:
        return ""
    near = min(bins, key=lambda held: abs(held["predicted"] - p))
    low, high = 100 * near["low"], 100 * near["high"]
    about = f"{100 * near['observed']:.0f} had it ({low:.0f} to {high:.0f}; n = {near['count']})"
    text = f"Of 100 with a score like this in the test, about {about}."
    if not near["low"] <= near["predicted"] <= near["high"]:
        text += f" Scores near {near['predicted']:.2f} were not well calibrated there: rely on the counts."
    return text


def at_threshold(card: Mapping[str, Any]) -> str:
    """Sensitivity and specificity in the test, where the card has them.

    >>> at_threshold({"student_metrics": {"sensitivity": {"value": 0.45, "low": 0.4, "high": 0.52}, "specificity": {"value": 0.9}}})
    'At its threshold, in the test, it found 45 % of those who had it (40 % to 52 %) and cleared 90 % of those who had
    not.'
    """
    found, cleared = (_dig(card, "student_metrics", name) for name in ("sensitivity", "specificity"))
    if found.get("value") is None or cleared.get("value") is None:
        return ""
    return (
        f"At its threshold, in the test, it found {percent(found['value'])} of those who had it{_range(found)} "
        f"and cleared {percent(cleared['value'])} of those who had not{_range(cleared)}."
    )


def set_in_words(text: str | None, coverage: float | None) -> str:
    """The conformal set, and what it promises.

    >>> set_in_words("abstains", 0.9)
    'The model abstains: at 90 % coverage the answer stays open.'
    """
    if text is None:
        return "This bundle has no conformal sets."
    sure = "" if coverage is None else f"at {percent(coverage)} coverage "
    if text == "abstains":
        return f"The model abstains: {sure}the answer stays open."
    return f"Its set, {sure}is: {text}." if coverage is None else f"Its set {sure}is: {text}."


def drift_in_words(drift: float | None) -> tuple[str, str]:
    """A tone and a sentence.

    >>> drift_in_words(1.7)[0]
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
            f"Unlike the training data: drift {drift:.2f}, above 1, where 1 % of training samples lie. The figures may not hold here.",
        )
    return "good", f"Within the range of the training data (drift {drift:.2f}; flagged above 1)."


def weak_subgroups(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The card's subgroups, each with ``weak``.

    Its interval lies below the whole test's value, or it was too small to measure.

    >>> group = {"group": "80 +", "suppressed": False, "value": 0.6, "low": 0.5, "high": 0.7}
    >>> weak_subgroups({"figures": {"student": {"value": 0.8}}, "subgroups": [group]})[0]["weak"]
    True
    """
    whole = _dig(card, "figures", "student").get("value")
    lower_is_better = str(card.get("metric", "")).lower() in ("rmse", "mae", "brier", "ece")
    rows = []
    for row in card.get("subgroups") or ():
        weak = bool(row.get("suppressed"))
        if not weak and whole is not None and row.get("low") is not None:
            weak = row["low"] > whole if lower_is_better else row["high"] < whole
        # An interval that holds the whole's value may be wide: the point lying 0.05 or more below is pointed out too.
        if not weak and whole is not None and row.get("value") is not None and not lower_is_better:
            weak = row["value"] < whole - 0.05
        rows.append({**row, "weak": weak})
    return rows


WEAKNESS = "Weak: the interval lies below the value of the whole test, the value is 0.05 or more below it, or the group was too small to measure."


def _range(found: Mapping[str, Any]) -> str:
    return "" if found.get("low") is None else f" ({percent(found['low'])} to {percent(found['high'])})"


def _dig(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        held = document.get(key)
        document = held if isinstance(held, Mapping) else {}
    return document
