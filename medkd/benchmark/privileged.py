"""The benchmark "privileged": the gain of each objective, where the answer is known, or on a real cohort."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from medkd.benchmark.candidates import Candidate, Excluded
from medkd.benchmark.cohort_run import cohort_results, run_cohort
from medkd.benchmark.conclusions import conclusions
from medkd.benchmark.condition import Condition, design
from medkd.benchmark.experiment import Budget
from medkd.benchmark.report import Page, render
from medkd.benchmark.results import Effect, ObjectiveResult
from medkd.benchmark.synthetic.results import synthetic_results
from medkd.benchmark.synthetic.run import ConditionScores, run_conditions
from medkd.benchmark.synthetic.world import SyntheticWorld
from medkd.data.core.registry import Registry
from medkd.data.io.atomic import removed_on_input_error, write_text, writing
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import prepare_cohort
from medkd.pipeline.recipe import Recipe, load_recipe, task_recipe
from medkd.pipeline.run_setup import open_cohort
from medkd.pipeline.runner import default_jobs

CONDITIONS = design(
    Condition("centre", 1000, 0.1), samples=(250, 500, 2000), label_fractions=(0.05, 0.3, 1.0), in_sample=(0.1, 1.0)
)
COHORT_CONDITIONS = design(Condition("centre", 0, 0.3), label_fractions=(1.0,))
COHORT_BUDGET = Budget(seeds=3, baseline_seeds=4, tuning_seeds=2)
FAST = Budget(seeds=3, baseline_seeds=2, tuning_seeds=2, scored=500, stops=(10, 20), decays=(1.0,), ratios=(3.0,))
FAST_CONDITIONS = design(Condition("centre", 200, 0.3), samples=(100,), label_fractions=(1.0,))
_FAST = "This was a --fast run of a few steps: it shows that everything runs, and its numbers mean nothing."


def on_synthetic_world(
    namespace: argparse.Namespace, candidates: Sequence[Candidate], excluded: Sequence[Excluded]
) -> int:
    """Measure every condition of the design on the synthetic world.

    Raises:
        InputError: there is one seed only.
    """
    out = namespace.out or Path("runs") / "benchmark-privileged"
    budget, conditions = (FAST, FAST_CONDITIONS) if namespace.fast else (Budget(), CONDITIONS)
    world = SyntheticWorld()
    budget = replace(budget, seeds=namespace.seeds or budget.seeds)
    if budget.seeds < 2:
        raise InputError("one seed has no interval", where="--seeds", remedy="Give 2 or more; the default is 40")
    started = time.perf_counter()
    jobs = namespace.jobs or default_jobs()
    measured = run_conditions(conditions, candidates, world, budget, out / "conditions", jobs)
    results = synthetic_results(measured, world)
    centre = measured[0].aurocs
    facts = {
        "best student (known)": f"{world.bayes_student:.3f}",
        "baseline at the centre": f"{sum(centre['baseline']) / budget.seeds:.3f}",
        "best teacher (known)": f"{world.bayes_teacher:.3f}",
        "teacher at the centre": f"{sum(centre['teacher']) / budget.seeds:.3f}",
        "seeds": str(budget.seeds),
    }
    with writing(out / "seeds.csv") as temporary:
        _seeds(measured).write_csv(temporary)
    page = Page(
        "What each objective earns where the answer is known",
        facts,
        _lines(conclusions(results, f"{budget.seeds} seeds (paired t)"), namespace),
        [_world_method(budget), *_shared_method(budget)],
        _command(namespace),
        excluded,
    )
    return _finish(out, page, results, time.perf_counter() - started)


def on_cohort(
    namespace: argparse.Namespace, candidates: Sequence[Candidate], excluded: Sequence[Excluded], registry: Registry
) -> int:
    """Measure the centre, all labels and the controls on a cohort.

    Raises:
        InputError: the cohort, its root, task or target cannot be used.
    """
    out = namespace.out or Path("runs") / f"benchmark-privileged-{namespace.cohort}"
    started = time.perf_counter()
    with removed_on_input_error(out):
        recipe = _recipe(namespace, registry)
        cohort = prepare_cohort(recipe, open_cohort(recipe, out, registry), out, namespace.jobs or default_jobs())
        budget = replace(FAST if namespace.fast else COHORT_BUDGET, seeds=namespace.seeds or COHORT_BUDGET.seeds)
        measured = run_cohort(COHORT_CONDITIONS, candidates, cohort, out, budget)
    results = cohort_results(measured)
    with writing(out / "scores.parquet") as temporary:
        pl.concat([each.scores for each in measured]).write_parquet(temporary)
    facts = {
        "baseline at the centre": f"{measured[0].arms['baseline'].value:.3f}",
        "teacher at the centre": f"{measured[0].arms['teacher'].value:.3f}",
        "subjects scored": str(measured[0].scores["subject"].n_unique()),
        "seeds": str(budget.seeds),
    }
    lines = conclusions(results, "test subjects (paired bootstrap, seeds averaged within)")
    page = Page(
        f"What each objective earns on {cohort.name}, target {cohort.target.key}",
        facts,
        _lines(lines, namespace),
        [*_cohort_method(recipe, cohort.protocol, budget), *_shared_method(budget)],
        _command(namespace),
        excluded,
    )
    return _finish(out, page, results, time.perf_counter() - started)


def _recipe(namespace: argparse.Namespace, registry: Registry) -> Recipe:
    """The recipe that a task has for the cohort, with the views of teacher and student."""
    name = namespace.cohort
    root = None if namespace.root is None else str(namespace.root)
    if namespace.task is not None:
        folder = registry.task(namespace.task)
    else:
        tasks = [registry.task(entry.name) for entry in registry.entries("tasks") if not entry.trouble]
        folders = [task for task in tasks if _has_recipe(task, name)]
        if len(folders) != 1:
            count = f"{len(folders)} tasks have" if folders else "no task has"
            what = f"{count} a recipe for cohort '{name}'"
            raise InputError(what, where="medkd benchmark", remedy="Name the task with --task")
        folder = folders[0]
    return task_recipe(folder, name, root=root, target=namespace.target, fast=namespace.fast)


def _has_recipe(folder: Path, cohort: str) -> bool:
    return (folder / f"{cohort}.yaml").is_file() or load_recipe(folder / "recipe.yaml").cohort == cohort


def _finish(out: Path, page: Page, results: Sequence[ObjectiveResult], seconds: float) -> int:
    with writing(out / "results.csv") as temporary:
        _table(results).write_csv(temporary, float_precision=6)
    write_text(out / "index.html", render(page, results))
    print("\n".join(page.conclusions))
    print(f"\n{seconds / 60:.1f} minutes. Page: {out / 'index.html'}  Figures: {out / 'results.csv'}")
    return 0


def _table(results: Sequence[ObjectiveResult]) -> pl.DataFrame:
    """One row per objective and condition."""
    rows = []
    for result in results:
        names = ("factor", "level", "objective", "baseline", "student", "teacher")
        row = {name: getattr(result, name) for name in names}
        for name in ("gain", "gap_closed", "privileged_gain", "against_soft_labels"):
            row |= _columns(name, getattr(result, name))
        for name in ("p_holm", "privileged_gain_p_holm", "against_soft_labels_p_holm", "verdict", "setting"):
            row[name] = getattr(result, name)
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def _columns(name: str, effect: Effect | None) -> dict[str, float | None]:
    if effect is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high", f"{name}_p"))
    return {name: effect.value, f"{name}_low": effect.low, f"{name}_high": effect.high, f"{name}_p": effect.p}


def _seeds(measured: Sequence[ConditionScores]) -> pl.DataFrame:
    rows = [
        {
            "factor": scores.condition.factor,
            "level": scores.condition.level,
            "arm": arm,
            "seed": seed,
            "auroc": value,
        }
        for scores in measured
        for arm, values in scores.aurocs.items()
        for seed, value in enumerate(values)
    ]
    return pl.DataFrame(rows)


def _lines(lines: Sequence[str], namespace: argparse.Namespace) -> list[str]:
    return [_FAST, *lines] if namespace.fast else list(lines)


def _command(namespace: argparse.Namespace) -> str:
    words = ["medkd", "benchmark", namespace.name]
    for name in ("cohort", "root", "target", "task", "seeds"):
        if getattr(namespace, name) is not None:
            words += [f"--{name}", str(getattr(namespace, name))]
    words += ["--objectives", ",".join(namespace.objectives)] if namespace.objectives else []
    return shlex.join([*words, "--fast"] if namespace.fast else words)


def _world_method(budget: Budget) -> str:
    return (
        "A latent state determines the label's probability; the teacher sees all of it, the student some of it with "
        "noise, each through a fixed invertible map. The AUROCs of the best teacher and student follow by quadrature. "
        "Gap closed is (student - baseline) / (best student - baseline). Each seed has its own samples and "
        f"initialisation, shared by all arms; {budget.scored:,} more are scored. Intervals are paired t intervals over "
        "seeds, of the linearised ratio for the gap closed. Settings were chosen on further seeds, "
        f"{budget.baseline_seeds} for baseline and teacher, {budget.tuning_seeds} for each objective, by the AUROC on "
        "as many samples: more than anybody has in practice, and most for the baseline, so that no gain comes from a "
        "badly tuned baseline."
    )


def _cohort_method(recipe: Recipe, protocol: str, budget: Budget) -> list[str]:
    return [
        f"A small budget: the prepared arrays of {recipe.teacher.view} and {recipe.student.view}, reduced to principal "
        f"components by each fold's training samples, into a network of two hidden layers; {protocol}, {budget.seeds} "
        "seeds. It compares objectives; the task's own report has the values of a network that reads the signal "
        "itself.",
        "Settings were chosen on the labelled inner validation of the splits of "
        f"{budget.baseline_seeds} other seeds (an objective's on {budget.tuning_seeds} of them), never on a test fold "
        "of the reported ones; subjects recur in both, so the choice is inner, not nested. A label fraction applies to "
        "inner validation too. Gap closed is gain / (teacher - baseline), not defined where that may be zero.",
    ]


def _shared_method(budget: Budget) -> list[str]:
    ratios = ", ".join(f"{ratio:g}" for ratio in budget.ratios)
    return [
        f"Baseline and teacher chose among {len(budget.decays)} weight decays and {len(budget.stops)} numbers of steps "
        f"({budget.stops[0]} to {budget.stops[-1]}); each objective among {len(budget.ratios)} weights, the baseline's "
        "decay or a tenth of it, and the same steps. Labels have weight one. An objective's weight is set by the ratio "
        f"of gradient norms at the start, objective to label: {ratios}. Objectives differ in scale by orders of "
        "magnitude, and so all have the same grid. All other settings of an objective are its class's defaults. A "
        "student's batch is half labelled samples, half unlabelled pairs; the baseline's is the same, so that a "
        "student at weight zero is the baseline.",
        "Labelled samples have the outputs of the teacher that left their fold out, unlabelled ones the mean of all. A "
        "control is the centre's training, at the centre's settings, with another teacher: the same outputs permuted "
        "over other samples of the fold, the mean output of the label's class (none where the label is withheld), or a "
        "teacher that sees the student's view alone.",
    ]
