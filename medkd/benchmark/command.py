"""``medkd benchmark privileged``: what each objective earns, where the answer is known, or on a real cohort."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from medkd.benchmark.candidates import Absent, Contestant, contestants
from medkd.benchmark.cohort_run import cohort_findings, run_cohort
from medkd.benchmark.conclusions import reading
from medkd.benchmark.condition import Cell, design
from medkd.benchmark.experiment import Budget
from medkd.benchmark.report import Page, render
from medkd.benchmark.results import Estimate, Finding
from medkd.benchmark.synthetic_results import synthetic_findings
from medkd.benchmark.synthetic_run import Measured, run_cells
from medkd.benchmark.synthetic_world import Family
from medkd.data.io.atomic import removed_on_input_error, write_text, writing
from medkd.errors import InputError, nearest
from medkd.pipeline.prepared_cohort import prepare_inputs
from medkd.pipeline.recipe import Recipe, load_recipe
from medkd.pipeline.runner import default_jobs
from medkd.pipeline.setup import open_cohort
from medkd.registry import entries, find_task

BENCHMARKS = ("privileged",)
CELLS = design(
    Cell("centre", 1000, 0.1), samples=(250, 500, 2000), label_fractions=(0.05, 0.3, 1.0), in_sample=(0.1, 1.0)
)
COHORT_CELLS = design(Cell("centre", 0, 0.3), label_fractions=(1.0,))
COHORT_BUDGET = Budget(seeds=3, baseline_seeds=4, tuning_seeds=2)
FAST = Budget(seeds=3, baseline_seeds=2, tuning_seeds=2, scored=500, stops=(10, 20), decays=(1.0,), ratios=(3.0,))
FAST_CELLS = design(Cell("centre", 200, 0.3), samples=(100,), label_fractions=(1.0,))
_FAST = "This was a --fast run of a few steps: it shows that everything runs, and its numbers mean nothing."


def main(namespace: argparse.Namespace) -> int:
    """Measure, and write ``results.csv``, the scores behind it and ``index.html``.

    Raises:
        InputError: a name is unknown, or the cohort cannot be used; nothing was written then.
    """
    if namespace.name not in BENCHMARKS:
        raise InputError(
            f"no benchmark '{namespace.name}'", where="medkd benchmark", remedy=nearest(namespace.name, BENCHMARKS)
        )
    taking, absent = contestants(namespace.objectives or ())
    if namespace.cohort is None:
        if given := [f"--{name}" for name in ("root", "target", "task") if getattr(namespace, name) is not None]:
            raise InputError(f"{given[0]} is of a cohort", where="medkd benchmark", remedy="Name it with --cohort")
        return _synthetic(namespace, taking, absent)
    return _cohort(namespace, taking, absent)


def _synthetic(namespace: argparse.Namespace, taking: Sequence[Contestant], absent: Sequence[Absent]) -> int:
    out = namespace.out or Path("runs") / "benchmark-privileged"
    budget, cells, family = (FAST, FAST_CELLS, Family()) if namespace.fast else (Budget(), CELLS, Family())
    budget = replace(budget, seeds=namespace.seeds or budget.seeds)
    if budget.seeds < 2:
        raise InputError("one seed has no interval", where="--seeds", remedy="Give 2 or more; the default is 40")
    started = time.perf_counter()
    measured = run_cells(
        cells, [one.name for one in taking], family, budget, out / "cells", namespace.jobs or default_jobs()
    )
    findings = synthetic_findings(measured, family)
    centre = measured[0].aurocs
    facts = {
        "best student (known)": f"{family.bayes_student:.3f}",
        "baseline at the centre": f"{sum(centre['baseline']) / budget.seeds:.3f}",
        "best teacher (known)": f"{family.bayes_teacher:.3f}",
        "teacher at the centre": f"{sum(centre['teacher']) / budget.seeds:.3f}",
        "seeds": str(budget.seeds),
    }
    with writing(out / "seeds.csv") as temporary:
        _seeds(measured).write_csv(temporary)
    told = reading(findings, f"{budget.seeds} seeds (paired t)")
    page = Page(
        "What each objective earns where the answer is known",
        facts,
        _lines(told, namespace),
        _method(budget),
        _typed(namespace),
        absent,
    )
    return _finish(out, page, findings, time.perf_counter() - started)


def _cohort(namespace: argparse.Namespace, taking: Sequence[Contestant], absent: Sequence[Absent]) -> int:
    out = namespace.out or Path("runs") / f"benchmark-privileged-{namespace.cohort}"
    started = time.perf_counter()
    with removed_on_input_error(out):
        recipe = _recipe(namespace)
        inputs = prepare_inputs(recipe, open_cohort(recipe, out), out, namespace.jobs or default_jobs())
        budget = replace(FAST if namespace.fast else COHORT_BUDGET, seeds=namespace.seeds or COHORT_BUDGET.seeds)
        found = run_cohort(COHORT_CELLS, taking, inputs, out, budget)
    findings = cohort_findings(found)
    with writing(out / "scores.parquet") as temporary:
        pl.concat([one.scores for one in found]).write_parquet(temporary)
    facts = {
        "baseline at the centre": f"{found[0].arms['baseline'].value:.3f}",
        "teacher at the centre": f"{found[0].arms['teacher'].value:.3f}",
        "subjects scored": str(found[0].scores["subject"].n_unique()),
        "seeds": str(budget.seeds),
    }
    title = f"What each objective earns on {inputs.cohort}, target {inputs.target.key}"
    told = reading(findings, "test subjects (paired bootstrap, seeds averaged within)")
    method = [
        f"A small budget: the prepared arrays of {recipe.teacher.view} and {recipe.student.view}, brought to principal components by each "
        f"fold's training samples, into a network of two hidden layers; {inputs.protocol}, {budget.seeds} seeds. It compares objectives; "
        "what a network that reads the signal itself reaches stands in the task's own report.",
        f"Settings were chosen on the labelled inner validation of the splits of {budget.baseline_seeds} other seeds (an objective's on "
        f"{budget.tuning_seeds} of them), never on a test fold of the reported ones; subjects recur in both, so the choice is inner, not "
        "nested. A label share counts for inner validation too. Gap closed is gain / (teacher - baseline), not defined where that may be zero.",
        *_method(budget)[1:],
    ]
    page = Page(title, facts, _lines(told, namespace), method, _typed(namespace), absent)
    return _finish(out, page, findings, time.perf_counter() - started)


def _recipe(namespace: argparse.Namespace) -> Recipe:
    """The recipe that a task holds for the cohort: it says what teacher and student see."""
    name = namespace.cohort
    root = None if namespace.root is None else str(namespace.root)
    chosen = {"cohort": name, "root": root, "target": namespace.target, "fast": namespace.fast}
    if namespace.task is not None:
        folder = find_task(namespace.task)
    else:
        folders = [entry.found for entry in entries("tasks") if entry.found is not None and _holds(entry.found, name)]
        if len(folders) != 1:
            what = (
                f"no task has a recipe for cohort '{name}'"
                if not folders
                else f"{len(folders)} tasks have a recipe for cohort '{name}'"
            )
            raise InputError(what, where="medkd benchmark", remedy="Name the task with --task")
        folder = folders[0]
    own = folder / f"{name}.yaml"
    return load_recipe(own if own.is_file() else folder / "recipe.yaml", [], **chosen)


def _holds(folder: Path, cohort: str) -> bool:
    return (folder / f"{cohort}.yaml").is_file() or load_recipe(folder / "recipe.yaml", []).cohort == cohort


def _finish(out: Path, page: Page, findings: Sequence[Finding], seconds: float) -> int:
    with writing(out / "results.csv") as temporary:
        _table(findings).write_csv(temporary, float_precision=6)
    write_text(out / "index.html", render(page, findings))
    print("\n".join(page.reading))
    print(f"\n{seconds / 60:.1f} minutes. Page: {out / 'index.html'}  Figures: {out / 'results.csv'}")
    return 0


def _table(findings: Sequence[Finding]) -> pl.DataFrame:
    """One row an objective and cell."""
    rows = []
    for one in findings:
        row = {name: getattr(one, name) for name in ("factor", "level", "objective", "baseline", "student", "teacher")}
        for name in ("gain", "closed", "privileged", "against_soft"):
            row |= _columns(name, getattr(one, name))
        row |= {
            "p_holm": one.p_holm,
            "privileged_p_holm": one.privileged_p_holm,
            "against_soft_p_holm": one.against_soft_p_holm,
        }
        rows.append(row | {"verdict": one.verdict, "setting": one.setting})
    return pl.DataFrame(rows, infer_schema_length=None)


def _columns(name: str, found: Estimate | None) -> dict[str, float | None]:
    if found is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high", f"{name}_p"))
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high, f"{name}_p": found.p}


def _seeds(measured: Sequence[Measured]) -> pl.DataFrame:
    rows = [
        {"factor": one.cell.factor, "level": one.cell.level, "arm": arm, "seed": seed, "auroc": value}
        for one in measured
        for arm, values in one.aurocs.items()
        for seed, value in enumerate(values)
    ]
    return pl.DataFrame(rows)


def _lines(told: Sequence[str], namespace: argparse.Namespace) -> list[str]:
    return [_FAST, *told] if namespace.fast else list(told)


def _typed(namespace: argparse.Namespace) -> str:
    words = ["medkd", "benchmark", namespace.name]
    for name in ("cohort", "root", "target", "task", "seeds"):
        if getattr(namespace, name) is not None:
            words += [f"--{name}", str(getattr(namespace, name))]
    words += ["--objectives", ",".join(namespace.objectives)] if namespace.objectives else []
    return shlex.join([*words, "--fast"] if namespace.fast else words)


def _method(budget: Budget) -> list[str]:
    ratios = ", ".join(f"{ratio:g}" for ratio in budget.ratios)
    return [
        "A latent state decides the label's chance; the teacher sees all of it, the student some of it with noise, each through a fixed "
        "map that can be undone. The AUROCs of the best teacher and student follow by quadrature. Gap closed is (student - baseline) / "
        f"(best student - baseline). Each seed has its own samples and initialisation, shared by all arms; {budget.scored:,} more are scored. "
        "Intervals are paired t intervals over seeds, of the linearised ratio for the gap closed. Settings were chosen on "
        f"further seeds, {budget.baseline_seeds} for baseline and teacher, {budget.tuning_seeds} for each objective, by the AUROC on as many "
        "samples: more than anybody has in practice, and most for the baseline, so that no gain comes from a baseline that was chosen badly.",
        f"Baseline and teacher chose among {len(budget.decays)} weight decays and {len(budget.stops)} numbers of steps ({budget.stops[0]} to "
        f"{budget.stops[-1]}); each objective among {len(budget.ratios)} weights, the baseline's decay or a tenth of it, and the same steps. "
        "Labels keep weight one. An objective's weight is set by the ratio of gradient norms at the start, objective to label: "
        f"{ratios}. Objectives differ in scale by orders of magnitude, and so all have the same tries. Everything else of an objective is "
        "its class's default. A student's batch is half labelled samples, half unlabelled pairs; "
        "the baseline's is the same, so that a student at weight zero is the baseline.",
        "Labelled samples hear the teacher that left their fold out, unlabelled ones the mean of all. A control is the centre's training, "
        "at the centre's settings, with another teacher: the same answers dealt to other samples of the fold, the mean answer of the "
        "label's class (silent where the label is withheld), or a teacher that sees the student's view alone.",
    ]
