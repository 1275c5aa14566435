"""Sentences of an evaluation, in words that a clinician can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medkd.deploy.evaluation.performance import format_interval
from medkd.evidence.figures.appearance import DEVELOPMENT, HERE, RECALIBRATED

IN_SAMPLE = (
    "In-sample: the bundle was trained on a cohort of this name, so these figures say nothing about new patients, "
    "unless the folder holds patients who had no part in the training."
)


def sentence(evaluation: Mapping[str, Any]) -> str:
    """The model's performance here and at development, and whether outcomes have left the predicted risks.

    Args:
        evaluation: all figures, as ``evaluation.json`` holds them.
    """
    n, title = evaluation["n"], evaluation["metric_title"]
    here, developed = evaluation["arms"][HERE], evaluation["arms"].get(DEVELOPMENT)
    whose = f"these {n['subjects']:,} patients" if n["subjects"] != 1 else "this one patient"
    more = f" ({n['labelled']:,} samples)" if n["labelled"] != n["subjects"] else ""
    words = [IN_SAMPLE] if evaluation["in_sample"] else []
    if here["value"] is None:
        return " ".join([*words, f"On {whose}{more} the {title} cannot be measured: {_lacking(evaluation)}."])
    text = f"On {whose}{more} the {title} is {format_interval(here)}"
    if developed and developed["value"] is not None:
        apart = _apart(here, developed, evaluation["higher_is_better"])
        text += f"; at development it was {format_interval(developed)}{apart}"
    return " ".join([*words, f"{text}.", *_over_time(evaluation["over_time"])])


def details(evaluation: Mapping[str, Any]) -> list[str]:
    """One sentence each on the threshold and on the size of the risks, where there is one class.

    And one on who is left out.

    Args:
        evaluation: see ``sentence``.
    """
    words = _one_class(*next(iter(evaluation["by_class"].items()))) if len(evaluation["by_class"]) == 1 else []
    if recalibration := evaluation["recalibration"]:
        words.append(
            f"All figures are of patients other than the {recalibration['subjects']:,} that the probabilities were "
            f"recalibrated on ({recalibration['subset']}); the bundle itself is unchanged."
        )
    return words


def _one_class(name: str, figures: Mapping[str, Any]) -> list[str]:
    words = []
    for arm in (HERE, RECALIBRATED):
        at = figures["arms"].get(arm)
        if at is None:
            continue
        if (
            at["threshold"] is not None
            and at.get("ppv")
            and at["ppv"]["value"] is not None
            and at["sensitivity"]["value"] is not None
        ):
            which = "the bundle's threshold" if arm == HERE else "the new threshold"
            words.append(
                f"At {which} of {at['threshold']:.3g} it flags {at['flagged']['value']:.0%} of the samples "
                f"and finds {at['sensitivity']['value']:.0%} of those with {name}; "
                f"{at['ppv']['value']:.0%} of the flagged have it."
            )
        ratio = at["observed_over_expected"]
        if ratio["value"] is not None:
            words.append(_in_the_large(ratio, "" if arm == HERE else "After recalibration "))
    return words


def _over_time(course: Mapping[str, Any] | None) -> list[str]:
    """Whether and when the outcomes left the predicted risks."""
    if not course or not any(course["cusum"].values()):
        return []
    several = len(course["cusum"]) > 1
    crossed = [
        f"{f'of {name} ' if several else ''}the odds {'rose above' if chart['odds_ratio'] > 1 else 'fell below'} "
        f"those predicted, which the CUSUM showed on {chart['crossed']}"
        for name, charts in course["cusum"].items()
        for chart in charts
        if chart["crossed"]
    ]
    if crossed:
        return [f"Worry: {'; '.join(crossed)}."]
    return ["Over time the outcomes stayed with the predicted risks (no CUSUM line was crossed)."]


def _in_the_large(ratio: Mapping[str, float], before: str) -> str:
    measured = f"observed over expected {format_interval(ratio)}"
    if ratio["low"] <= 1 <= ratio["high"]:
        text = f"its risks are right on the whole ({measured})"
    elif ratio["value"] < 1:
        text = f"its risks are too high on the whole ({measured})"
    else:
        text = f"its risks are too low on the whole ({measured})"
    return f"{before}{text}." if before else f"{text[0].upper()}{text[1:]}."


def _apart(here: Mapping[str, Any], developed: Mapping[str, Any], higher_is_better: bool) -> str:
    """Whether two intervals of different patients lie apart.

    Overlap does not prove sameness, so nothing is claimed then.
    """
    if here["low"] is None or developed["low"] is None:
        return ""
    if here["high"] < developed["low"]:
        return ", so it is lower here" if higher_is_better else ", so it is better here"
    if here["low"] > developed["high"]:
        return ", so it is higher here" if higher_is_better else ", so it is worse here"
    return ", and the intervals overlap"


def _lacking(evaluation: Mapping[str, Any]) -> str:
    lacks = [
        f"{figures['positives']} of {figures['n']} samples have {name}"
        for name, figures in evaluation["by_class"].items()
        if figures.get("positives") in (0, figures["n"])
    ]
    return "; ".join(lacks) or "too few samples are labelled"
