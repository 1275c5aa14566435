"""What a search says of itself: before it begins, when it ends, and at the top of the recipe that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from optuna.trial import TrialState

from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.metrics import METRICS
from medkd.pipeline.recipe import Recipe
from medkd.pipeline.tuning.ranges import Plain
from medkd.pipeline.tuning.search_space import values_of
from medkd.pipeline.tuning.study import DIVERGED, ArmStudy
from medkd.pipeline.tuning.trial_data import Cell


def question(recipe: Recipe, cells: Sequence[Cell]) -> str:
    """Two lines: what is searched for, and on whom trials are scored."""
    metric, inputs = METRICS[EvidenceSettings(**recipe.evidence).metric], cells[0].inputs
    inner = [cell.split.role("val", (cell.fold,), cell.label_fraction)["subject_id"].n_unique() for cell in cells]
    return (
        f"{recipe.task} on {recipe.cohort}: target {inputs.target.key}, protocol {inputs.protocol}, labels {cells[0].label_fraction:g}; "
        f"{metric.title}, {'more' if metric.higher_is_better else 'less'} is better.\n"
        f"Mean over inner validation ({_range(inner)} subjects) of seed{_several([cell.split.seed for cell in cells])}; "
        f"the subjects of outer fold{_several([cell.fold for cell in cells])} were taken out beforehand."
    )


def table(studies: Sequence[ArmStudy], asked: Sequence[str], trials: int) -> str:
    """Each arm's score as it stands and at its best, what the best one changes, and what should not be believed."""
    lines = [f"\n{'inner validation':<18}{'as it stands':>14}{'best':>10}   trials"]
    for held in studies:
        lines.append(f"{held.arm:<18}{_score(held.base):>14}{_score(_best(held)):>10}   {_counts(held)}")
        lines += [f"    {line}" for line in _changes(held)]
        if held.arm in asked and held.finished and not held.chosen:
            lines.append("    nothing better than the recipe as it stands was found")
        if held.arm in asked and len(held.finished) < trials:
            lines.append(
                f"    stopped by --timeout after {len(held.finished)} of {trials} trials; the same command goes on"
            )
    return "\n".join([*lines, "", *_warnings(studies)])


def header(recipe: Recipe, studies: Sequence[ArmStudy], cells: Sequence[Cell], typed: str, out: Path) -> str:
    """The first lines of the written recipe: what was searched, on what, how often, and what was found."""
    lines = [
        f"{recipe.task}, searched by: {typed}",
        f"Its evidence: medkd distill {out}",
        question(recipe, cells),
        f"Cohort as prepared, in {cells[0].folder.name}: sha256 of samples {cells[0].inputs.samples_sha256[:16]}, "
        f"of values {cells[0].inputs.data_sha256[:16]}.",
    ]
    for held in studies:
        lines.append(f"{held.arm}: {_counts(held)}; as it stands {_score(held.base)}, best {_score(_best(held))}.")
        before = values_of(held.recipe, held.space)
        if held.finished:
            lines += [
                f"  {key}, {found}: {_short(before[key])} -> {_short(held.chosen.get(key, before[key]))}"
                for key, found in held.space.items()
            ]
    return "\n".join([*lines, *_warnings(studies)])


def _warnings(studies: Sequence[ArmStudy]) -> list[str]:
    scores = {held.arm: _best(held) for held in studies}
    counts = {held.arm: len(held.finished) for held in studies}
    student, baseline = scores["student"], scores["baseline"]
    lines = []
    if student is not None and baseline is not None:
        metric = METRICS[EvidenceSettings(**studies[0].recipe.evidence).metric]
        lines.append(
            f"Student minus baseline: {metric.sign * (student - baseline):+.3f}, best against best, inner validation; a gain is distill's to show."
        )
    lines.append("The best of many trials on the same samples is optimistic.")
    if studies[0].cells[0].inputs.protocol != "official":
        lines.append("Subjects scored here are test subjects of other seeds or folds: the choice is inner, not nested.")
    if counts["student"] > counts["baseline"]:
        lines.append(
            f"The student had {counts['student']} trials and the baseline {counts['baseline']}: tune the baseline as long before believing a gain."
        )
    return lines


def _changes(held: ArmStudy) -> list[str]:
    before = values_of(held.recipe, held.chosen)
    return [f"{key}  {_short(before[key])} -> {_short(value)}" for key, value in held.chosen.items()]


def _counts(held: ArmStudy) -> str:
    """How many trials there were, and which was best."""
    pruned = sum(trial.state is TrialState.PRUNED for trial in held.finished)
    diverged = sum(DIVERGED in trial.user_attrs for trial in held.finished)
    if not held.finished:
        return "not searched"
    parts = [f"{pruned} pruned"] * bool(pruned) + [f"{diverged} diverged"] * bool(diverged)
    best = f", best is trial {held.best.number}" if held.best is not None and held.chosen else ""
    aside = f" ({', '.join(parts)})" if parts else ""
    return f"{len(held.finished)} trials{aside}{best}"


def _best(held: ArmStudy) -> float | None:
    return None if held.best is None else held.best.value


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _short(value: Plain) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _several(numbers: Sequence[int]) -> str:
    found = list(dict.fromkeys(numbers))
    return f"{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}"


def _range(counts: Sequence[int]) -> str:
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
