"""Summary of a search: before it begins, when it ends, and at the top of the recipe that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from optuna.trial import TrialState

from medkd.evidence.statistics.metrics import METRICS
from medkd.pipeline.recipe import Recipe
from medkd.pipeline.search_ranges import Plain
from medkd.pipeline.tuning.search_space import values_at
from medkd.pipeline.tuning.study import DIVERGED, ArmStudy
from medkd.pipeline.tuning.trial_data import TrialData


def question(recipe: Recipe, data: Sequence[TrialData]) -> str:
    """Two lines: the metric that is searched for, and the subjects whom trials are scored on."""
    metric, cohort = METRICS[recipe.evidence_settings.metric], data[0].cohort
    inner = [one.split.role("val", (one.fold,), one.label_fraction)["subject_id"].n_unique() for one in data]
    better = "more" if metric.higher_is_better else "less"
    return (
        f"{recipe.task} on {recipe.cohort}: target {cohort.target.key}, protocol {cohort.protocol}, "
        f"labels {data[0].label_fraction:g}; {metric.title}, {better} is better.\n"
        f"Mean over inner validation ({_range(inner)} subjects) of seed{_several([one.split.seed for one in data])}; "
        f"the subjects of outer fold{_several([one.fold for one in data])} were taken out beforehand."
    )


def table(studies: Sequence[ArmStudy], searched: Sequence[str], trials: int) -> str:
    """Each arm's score as it stands and at its best, the values that the best one changes, and warnings.

    Args:
        studies: of all arms.
        searched: arms that were asked for.
        trials: that were asked for, per arm.
    """
    lines = [f"\n{'inner validation':<18}{'as it stands':>14}{'best':>10}   trials"]
    for study in studies:
        lines.append(f"{study.arm:<18}{_score(study.initial_score):>14}{_score(_best(study)):>10}   {_counts(study)}")
        lines += [f"    {line}" for line in _changes(study)]
        if study.arm in searched and study.finished and not study.chosen:
            lines.append("    nothing better than the recipe as it stands was found")
        if study.arm in searched and len(study.finished) < trials:
            lines.append(
                f"    stopped by --timeout after {len(study.finished)} of {trials} trials; the same command resumes"
            )
    return "\n".join([*lines, "", *_warnings(studies)])


def header(recipe: Recipe, studies: Sequence[ArmStudy], data: Sequence[TrialData], typed: str, out: Path) -> str:
    """The first lines of the written recipe: question, cohort, numbers of trials, and values before and after."""
    cohort = data[0].cohort
    lines = [
        f"{recipe.task}, searched by: {typed}",
        f"Its evidence: medkd distill {out}",
        question(recipe, data),
        f"Cohort as prepared, in {data[0].folder.name}: sha256 of samples {cohort.samples_sha256[:16]}, "
        f"of values {cohort.data_sha256[:16]}.",
    ]
    for study in studies:
        scores = f"as it stands {_score(study.initial_score)}, best {_score(_best(study))}"
        lines.append(f"{study.arm}: {_counts(study)}; {scores}.")
        before = values_at(study.recipe, study.space)
        if study.finished:
            lines += [
                f"  {key}, {range_}: {_short(before[key])} -> {_short(study.chosen.get(key, before[key]))}"
                for key, range_ in study.space.items()
            ]
    return "\n".join([*lines, *_warnings(studies)])


def _warnings(studies: Sequence[ArmStudy]) -> list[str]:
    scores = {study.arm: _best(study) for study in studies}
    counts = {study.arm: len(study.finished) for study in studies}
    student, baseline = scores["student"], scores["baseline"]
    lines = []
    if student is not None and baseline is not None:
        metric = METRICS[studies[0].recipe.evidence_settings.metric]
        lines.append(
            f"Student minus baseline: {metric.sign * (student - baseline):+.3f}, best against best, inner validation; "
            "a gain is distill's to show."
        )
    lines.append("The best of many trials on the same samples is optimistic.")
    if studies[0].data[0].cohort.protocol != "official":
        lines.append("Subjects scored here are test subjects of other seeds or folds: the choice is inner, not nested.")
    if counts["student"] > counts["baseline"]:
        lines.append(
            f"The student had {counts['student']} trials and the baseline {counts['baseline']}: "
            "tune the baseline as long before believing a gain."
        )
    return lines


def _changes(study: ArmStudy) -> list[str]:
    before = values_at(study.recipe, study.chosen)
    return [f"{key}  {_short(before[key])} -> {_short(value)}" for key, value in study.chosen.items()]


def _counts(study: ArmStudy) -> str:
    """Number of trials, of pruned and diverged ones among them, and the best one's number."""
    pruned = sum(trial.state is TrialState.PRUNED for trial in study.finished)
    diverged = sum(DIVERGED in trial.user_attrs for trial in study.finished)
    if not study.finished:
        return "not searched"
    parts = [f"{pruned} pruned"] * bool(pruned) + [f"{diverged} diverged"] * bool(diverged)
    best = f", best is trial {study.best.number}" if study.best is not None and study.chosen else ""
    aside = f" ({', '.join(parts)})" if parts else ""
    return f"{len(study.finished)} trials{aside}{best}"


def _best(study: ArmStudy) -> float | None:
    return None if study.best is None else study.best.value


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _short(value: Plain) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _several(numbers: Sequence[int]) -> str:
    distinct = list(dict.fromkeys(numbers))
    return f"{'s' if len(distinct) > 1 else ''} {', '.join(map(str, distinct))}"


def _range(counts: Sequence[int]) -> str:
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
