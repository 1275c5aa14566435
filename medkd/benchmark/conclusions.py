"""What the numbers say, sentence by sentence, by rules that know no objective."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from medkd.benchmark.condition import CENTRE, CONTROL, LABELS, SAMPLES, TEACHER
from medkd.benchmark.results import ALPHA, Estimate, Finding

_FACTORS = {SAMPLES: "Training size", LABELS: "Share of labels", TEACHER: "Teacher"}


def earners(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Objective → the cells in which it earns its place, controls apart.

    An objective that earns nowhere has an empty list.
    """
    found: dict[str, list[str]] = {one.objective: [] for one in findings}
    for one in findings:
        if one.factor != CONTROL and one.verdict == "earns":
            found[one.objective].append(f"{one.factor}: {one.level}")
    return found


def reading(findings: Sequence[Finding], test: str) -> list[str]:
    """The benchmark's conclusions.

    Args:
        findings: corrected.
        test: what an interval is over, as "40 seeds".
    """
    centre = [one for one in findings if one.factor == CENTRE]
    counted = [one for one in findings if one.factor != CONTROL]
    lines = [
        f"{len(counted)} gains ({len(centre)} objectives, {len(counted) // max(len(centre), 1)} cells; controls apart) were tested over "
        f"{test}; "
        f"an objective earns its place in a cell where Holm's corrected p-value over all of them is below {ALPHA:g} and the gain "
        "is above zero.",
        _cell("At the centre", centre),
    ]
    earning = [one for one in centre if one.verdict == "earns"]
    if earning and any(one.privileged for one in centre):
        beyond = [
            one for one in earning if one.privileged and one.privileged.value > 0 and one.privileged_p_holm < ALPHA
        ]
        rest = [one.objective for one in earning if one not in beyond]
        lines.append(
            f"Of these {len(earning)}, {len(beyond)} also gain over the same objective with a self-teacher: by the other view itself."
            + (f" The rest may only regularise: {_names(rest)}." if rest else "")
        )
    if any(one.against_soft for one in centre):
        better = _differs(centre, lambda value: value > 0)
        worse = _differs(centre, lambda value: value < 0)
        ahead = f"{_names(better)} {'do' if len(better) > 1 else 'does'}" if better else "no objective does"
        behind = f"{len(worse)} do worse: {_names(worse)}" if worse else "none does worse"
        lines.append(
            f"Against plain soft labels, the simplest of all, {ahead} better at the centre, and {behind} (Holm over objectives)."
        )
    for factor, title in _FACTORS.items():
        levels = dict.fromkeys(one.level for one in findings if one.factor == factor)
        lines += [
            _cell(f"{title} {level}", [one for one in findings if one.factor == factor and one.level == level])
            for level in levels
        ]
    lines += _controls(findings, centre)
    if nowhere := [name for name, cells in earners(findings).items() if not cells]:
        lines.append(f"Earn their place nowhere here: {_names(nowhere)}.")
    else:
        lines.append("Every objective earns its place in at least one cell.")
    return lines


def _cell(where: str, cell: Sequence[Finding]) -> str:
    earning = sorted((one for one in cell if one.verdict == "earns"), key=lambda one: -one.gain.value)
    harming = [one.objective for one in cell if one.verdict == "harms"]
    best = ", ".join(f"{one.objective} {_written(one)}" for one in earning[:3])
    middle = float(np.median([one.gain.value for one in cell]))
    told = f"{where} (baseline {cell[0].baseline:.3f}, teacher {cell[0].teacher:.3f}): {_some(earning, cell)} earn their place"
    told += f"; median gain {middle:+.3f}"
    told += f"; largest {best}" if best else ""
    return told + (f"; harm: {_names(harming)}." if harming else ".")


def _controls(findings: Sequence[Finding], centre: Sequence[Finding]) -> list[str]:
    lines = []
    real = {one.objective: one.gain.value for one in centre}
    for level in dict.fromkeys(one.level for one in findings if one.factor == CONTROL):
        cell = [one for one in findings if one.factor == CONTROL and one.level == level]
        gaining = [one for one in cell if one.verdict == "earns"]
        losing = sum(one.verdict == "harms" for one in cell)
        middle, own = (
            float(np.median(values))
            for values in ([one.gain.value for one in cell], [real[one.objective] for one in cell])
        )
        who = f" ({_names([one.objective for one in gaining])})" if gaining else ""
        lines.append(
            f"Control, {level}: {_some(gaining, cell)} gain over the baseline{who}, {losing} lose; median gain {middle:+.3f}, "
            f"with the teacher itself {own:+.3f}."
        )
    return lines


def _differs(centre: Sequence[Finding], side: Callable[[float], bool]) -> list[str]:
    return [
        one.objective
        for one in centre
        if one.against_soft and one.against_soft_p_holm < ALPHA and side(one.against_soft.value)
    ]


def _some(some: Sequence[Finding], cell: Sequence[Finding]) -> str:
    return f"{len(some)} of {len(cell)} objectives"


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)


def _written(one: Finding) -> str:
    if one.closed is not None:
        return f"(gap closed {_interval(one.closed, '.2f')})"
    return f"(gain {_interval(one.gain, '+.3f')})"


def _interval(found: Estimate, form: str) -> str:
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"
