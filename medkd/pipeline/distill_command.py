"""``medkd distill TASK``: all stages of a task, from the cohort's files to a report and a bundle."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medkd.parser import Parser, count
from medkd.pipeline.options import add_jobs_option, add_label_option, add_task_options

FIXED_BY_FAST = {"--protocol": "protocol", "--seeds": "seeds", "--labels": "label_fractions"}


def add_arguments(parser: Parser) -> None:
    """Add TASK and the options of a whole run."""
    add_task_options(parser)
    parser.add_argument("--seeds", type=count, metavar="N", help="seeds 0 to N-1; default: the recipe's")
    add_label_option(parser, "or several: 0.1,0.3,1")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/TASK-COHORT")
    add_jobs_option(parser)
    parser.add_argument("--fast", action="store_true", help="one seed, two folds, 20 steps; the verdict is 'invalid'")
    parser.epilog = f"{parser.epilog}\n\nA dotted option --STAGE.KEY VALUE reaches into a stage of the task's recipe."


def main(namespace: argparse.Namespace) -> int:
    """Run every stage that is not finished; print the number of fits first, and the results last.

    Raises:
        InputError: the task, the recipe, the cohort or the data are wrong; nothing was written then.
    """
    from medkd import registry
    from medkd.evidence.report_reader import read_report
    from medkd.pipeline.distill import run_task
    from medkd.pipeline.recipe import task_recipe

    recipe = task_recipe(registry.task(namespace.task), namespace.cohort, namespace.overrides, **_chosen(namespace))
    typed = shlex.join(["medkd", *sys.argv[1:]])
    run = run_task(recipe, registry, typed, namespace.out, namespace.jobs, announce=print)
    report = read_report(run.folder / "report.json", run.graph.stages["evidence"].remedy(run.folder))
    print(summary(report, run.folder, run.stages_run, run.seconds, _program()))
    return 0


def _chosen(namespace: argparse.Namespace) -> dict[str, Any]:
    """Top-level keys of the recipe that the command line sets; None where it does not."""
    from medkd.pipeline.recipe import FAST

    chosen: dict[str, Any] = {
        "root": None if namespace.root is None else str(namespace.root),
        "target": namespace.target,
        "protocol": namespace.protocol,
        "seeds": namespace.seeds,
        "label_fractions": namespace.label_fractions,
    }
    if not namespace.fast:
        return chosen
    if ignored := [option for option, name in FIXED_BY_FAST.items() if chosen[name] is not None]:
        print(
            "--fast sets one seed, kfold:3 of which two folds are tested, and all labels: "
            f"{', '.join(ignored)} does not count"
        )
    return chosen | FAST


def summary(report: Mapping[str, Any], run: Path, stages: int, seconds: float, program: str = "medkd") -> str:
    """Arms and differences with their intervals at each label fraction, the sentence, and the paths of the results.

    Args:
        report: content of ``report.json``.
        run: the run's folder.
        stages: number of stages that were run.
        seconds: that they took.
        program: as a user types it.
    """
    lines = []
    for entry in report["label_efficiency"]:
        percent = 100 * entry["label_fraction"]
        lines.append(f"\n{report['metric']} at {percent:g} % of the labels (95 % interval over test subjects)")
        lines += [f"  {name:<28}{_interval(arm)}" for name, arm in entry["arms"].items()]
        lines.append(f"  {'gain (student - baseline)':<28}{_interval(entry['gain'], signed=True)}")
        if entry.get("privileged_gain"):
            lines.append(f"  {'privileged gain':<28}{_interval(entry['privileged_gain'], signed=True)}")
        for name, control in entry.get("controls", {}).items():
            lines.append(f"  {'control ' + name:<28}{_interval(control['gain'], signed=True)}")
        lines.append(f"  verdict: {entry['verdict']}")
    lines.append(f"\n{report['sentence']}")
    lines.append(f"\n{stages} stages in {seconds:.0f} s. Report: {run / 'report.html'}  Bundle: {run / 'bundle'}")
    lines.append(f"See its cases: {shlex.join([program, 'app', str(run / 'bundle'), '--cases', str(run)])}")
    lines.append("Research use; not a medical device.")
    return "\n".join(lines)


def _program() -> str:
    """``medkd`` where a shell finds it, else the path that was typed."""
    return "medkd" if shutil.which("medkd") else sys.argv[0]


def _interval(estimate: Mapping[str, Any], *, signed: bool = False) -> str:
    if estimate.get("value") is None:
        return "not defined"
    form = "{:+.3f}" if signed else "{:.3f}"
    low, high = (form.format(estimate[key]) if estimate.get(key) is not None else "?" for key in ("low", "high"))
    return f"{form.format(estimate['value'])} [{low}, {high}]"
