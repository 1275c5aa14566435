"""Conclusions of the benchmark, sentence by sentence, by rules that do not depend on the objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from medkd.benchmark.condition import CENTRE, CONTROL, LABELS, SAMPLES, TEACHER
from medkd.benchmark.results import ALPHA, Effect, ObjectiveResult

_FACTORS = {SAMPLES: "Training size", LABELS: "Share of labels", TEACHER: "Teacher"}


def earners(results: Sequence[ObjectiveResult]) -> dict[str, list[str]]:
    """Objective → the conditions in which it earns its place, controls apart; empty where it earns nowhere."""
    earned: dict[str, list[str]] = {result.objective: [] for result in results}
    for result in results:
        if result.factor != CONTROL and result.verdict == "earns":
            earned[result.objective].append(f"{result.factor}: {result.level}")
    return earned


def conclusions(results: Sequence[ObjectiveResult], test: str) -> list[str]:
    """The benchmark's conclusions.

    Args:
        results: corrected.
        test: the unit of the intervals, as "40 seeds".
    """
    centre = [result for result in results if result.factor == CENTRE]
    counted = [result for result in results if result.factor != CONTROL]
    lines = [
        f"{len(counted)} gains ({len(centre)} objectives, {len(counted) // max(len(centre), 1)} conditions; controls "
        f"apart) were tested over {test}; an objective earns its place in a condition where Holm's corrected p-value "
        f"over all of them is below {ALPHA:g} and the gain is above zero.",
        _condition("At the centre", centre),
    ]
    lines += _privileged(centre)
    if any(result.against_soft_labels for result in centre):
        better = _differs(centre, lambda value: value > 0)
        worse = _differs(centre, lambda value: value < 0)
        ahead = f"{_names(better)} {'do' if len(better) > 1 else 'does'}" if better else "no objective does"
        behind = f"{len(worse)} do worse: {_names(worse)}" if worse else "none does worse"
        lines.append(
            f"Against plain soft labels, the simplest of all, {ahead} better at the centre, and {behind} "
            "(Holm over objectives)."
        )
    for factor, title in _FACTORS.items():
        varied = [result for result in results if result.factor == factor]
        for level in dict.fromkeys(result.level for result in varied):
            lines.append(_condition(f"{title} {level}", [result for result in varied if result.level == level]))
    lines += _controls(results, centre)
    if nowhere := [name for name, conditions in earners(results).items() if not conditions]:
        lines.append(f"Earn their place nowhere here: {_names(nowhere)}.")
    else:
        lines.append("Every objective earns its place in at least one condition.")
    return lines


def _privileged(centre: Sequence[ObjectiveResult]) -> list[str]:
    earning = [result for result in centre if result.verdict == "earns"]
    if not earning or not any(result.privileged_gain for result in centre):
        return []
    beyond = [
        result.objective
        for result in earning
        if result.privileged_gain and result.privileged_gain.value > 0 and result.privileged_gain_p_holm < ALPHA
    ]
    rest = [result.objective for result in earning if result.objective not in beyond]
    return [
        f"Of these {len(earning)}, {len(beyond)} also gain over the same objective with a self-teacher: by the other "
        "view itself." + (f" The rest may only regularise: {_names(rest)}." if rest else "")
    ]


def _condition(title: str, results: Sequence[ObjectiveResult]) -> str:
    earning = sorted((result for result in results if result.verdict == "earns"), key=lambda result: -result.gain.value)
    harming = [result.objective for result in results if result.verdict == "harms"]
    best = ", ".join(f"{result.objective} {_written(result)}" for result in earning[:3])
    median = float(np.median([result.gain.value for result in results]))
    means = f"baseline {results[0].baseline:.3f}, teacher {results[0].teacher:.3f}"
    text = f"{title} ({means}): {_share(earning, results)} earn their place; median gain {median:+.3f}"
    text += f"; largest {best}" if best else ""
    return text + (f"; harm: {_names(harming)}." if harming else ".")


def _controls(results: Sequence[ObjectiveResult], centre: Sequence[ObjectiveResult]) -> list[str]:
    lines = []
    gains = {result.objective: result.gain.value for result in centre}
    controls = [result for result in results if result.factor == CONTROL]
    for level in dict.fromkeys(result.level for result in controls):
        control = [result for result in controls if result.level == level]
        gaining = [result for result in control if result.verdict == "earns"]
        losing = sum(result.verdict == "harms" for result in control)
        median = float(np.median([result.gain.value for result in control]))
        real = float(np.median([gains[result.objective] for result in control]))
        names = f" ({_names([result.objective for result in gaining])})" if gaining else ""
        lines.append(
            f"Control, {level}: {_share(gaining, control)} gain over the baseline{names}, {losing} lose; "
            f"median gain {median:+.3f}, with the teacher itself {real:+.3f}."
        )
    return lines


def _differs(centre: Sequence[ObjectiveResult], side: Callable[[float], bool]) -> list[str]:
    return [
        result.objective
        for result in centre
        if result.against_soft_labels
        and result.against_soft_labels_p_holm < ALPHA
        and side(result.against_soft_labels.value)
    ]


def _share(some: Sequence[ObjectiveResult], results: Sequence[ObjectiveResult]) -> str:
    return f"{len(some)} of {len(results)} objectives"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)


def _written(result: ObjectiveResult) -> str:
    if result.gap_closed is not None:
        return f"(gap closed {_interval(result.gap_closed, '.2f')})"
    return f"(gain {_interval(result.gain, '+.3f')})"


def _interval(effect: Effect, form: str) -> str:
    return f"{effect.value:{form}} [{effect.low:{form}}, {effect.high:{form}}]"
