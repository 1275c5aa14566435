"""The Python interface: a run, a fit, a bundle and its predictions, each in one call.

Everything here is what a command does, with the same defaults and the same results: ``distill`` is ``medkd distill``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from medkd import registry
from medkd.data.io.atomic import write_text
from medkd.data.io.load import read_table
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.evaluation.evaluate import evaluate_cohort
from medkd.deploy.evaluation.settings import EvaluateSettings
from medkd.deploy.inference.items import find_items
from medkd.deploy.inference.plan import PARQUET
from medkd.deploy.inference.predict import predict as predict_folder
from medkd.deploy.inference.predict_files import predict_files, predict_items
from medkd.deploy.inference.settings import PredictSettings
from medkd.distill.learner import FittedModel
from medkd.errors import InputError
from medkd.evidence.report import Report
from medkd.pipeline.distill import run_task
from medkd.pipeline.lightning_cli import read_fit_config, run_lightning
from medkd.pipeline.recipe import FAST, task_recipe

Frame = pl.DataFrame


def distill(
    task: str,
    *,
    cohort: str | None = None,
    root: str | Path | None = None,
    target: str | None = None,
    protocol: str | None = None,
    seeds: int | None = None,
    label_fractions: Sequence[float] | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    fast: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Report:
    """Run all stages of a task that are not finished; teacher, baseline, students, controls, evidence, bundle.

    Args:
        task: see ``medkd list tasks``; or the path of a folder that holds a ``recipe.yaml``.
        cohort: see ``medkd list cohorts``; by default the task's own.
        root: the cohort's folder; ``demo_*`` cohorts need none.
        target: what is predicted, a key that the cohort lists.
        protocol: holdout, official or kfold:K.
        seeds: number of seeds, 0 to seeds - 1.
        label_fractions: shares of the training subjects that keep their label, above 0 and up to 1.
        out: the run's folder; by default ``runs/TASK-COHORT``.
        jobs: fits at once; results do not depend on it.
        fast: one seed, two folds, 20 steps: shows that everything runs; the verdict is "invalid".
        settings: dotted keys of the recipe with their values: ``{"student.model.learning_rate": 0.002}``.

    Returns:
        The report; its files, and ``bundle/``, are in the run's folder.

    Raises:
        InputError: the task, the cohort or the data are wrong; nothing was written then.
    """
    given = {name: value for name, value in locals().items() if name != "task" and value not in (None, False)}
    command = f"medkd.distill({', '.join([repr(task), *(f'{name}={value!r}' for name, value in given.items())])})"
    chosen: dict[str, Any] = {
        "root": None if root is None else str(root),
        "target": target,
        "protocol": protocol,
        "seeds": seeds,
        "label_fractions": None if label_fractions is None else tuple(label_fractions),
    }
    overrides = [f"{key}={yaml.safe_dump(value, default_flow_style=True)}" for key, value in (settings or {}).items()]
    recipe = task_recipe(registry.task(task), cohort, overrides, **(chosen | FAST if fast else chosen))
    return Report.load(run_task(recipe, registry, command, Path(out) if out else None, jobs).folder)


def fit(config: str | Path | Mapping[str, Any], out: str | Path | None = None) -> FittedModel:
    """Fit one network: the Lightning CLI run that a ``fit.yaml`` describes.

    Args:
        config: the file, or its content.
        out: the fit's folder, in place of ``trainer.default_root_dir``.

    Raises:
        InputError: the configuration is wrong.
    """
    settings = dict(config) if isinstance(config, Mapping) else read_fit_config(Path(config))
    trainer = settings.get("trainer") or {}
    if not (named := out or trainer.get("default_root_dir")):
        raise InputError("no folder for the fit", where="trainer.default_root_dir", remedy="Name it there, or give out")
    folder = Path(named)
    settings["trainer"] = {**trainer, "default_root_dir": str(folder)}
    write_text(folder / "fit.yaml", yaml.safe_dump(settings, sort_keys=False))
    run_lightning(["fit", "--config", str(folder / "fit.yaml")])
    return FittedModel.load(folder / "learner")


def predict(bundle: str | Path, source: str | Path, out: str | Path, **settings: Any) -> Frame:
    """Score a folder of files, a cohort's root or a manifest, as ``medkd predict`` does: resumable, for any number.

    Args:
        bundle, source, out: folders; ``out`` gets predictions, quarantine and run record.
        settings: of ``medkd.deploy.inference.settings.PredictSettings``.

    Returns:
        The content of ``predictions.parquet``.

    Raises:
        InputError: something cannot be used, or not a single item could be scored.
    """
    predict_folder(Path(bundle), Path(source), Path(out), PredictSettings(**settings), registry=registry)
    return read_table(Path(out) / PARQUET)


def evaluate(
    bundle: str | Path, cohort: str, out: str | Path, *, root: str | Path | None = None, **settings: Any
) -> dict[str, Any]:
    """Validate a bundle on a cohort that it never saw, as ``medkd evaluate`` does.

    Args:
        bundle: the bundle's folder.
        cohort: see ``medkd list cohorts``.
        out: gets ``evaluation.json`` and ``evaluation.html``.
        root: the cohort's folder; ``demo_*`` cohorts need none.
        settings: of ``medkd.deploy.evaluation.settings.EvaluateSettings``.

    Returns:
        The content of ``evaluation.json``.

    Raises:
        InputError: the cohort does not have the bundle's target, or none of its samples could be scored.
    """
    place = None if root is None else Path(root)
    return evaluate_cohort(Path(bundle), cohort, place, Path(out), EvaluateSettings(**settings), registry=registry)


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle in memory, for notebooks and programs.

    Args:
        bundle: network, preprocessing, calibration.
        report: what was found when it was made.
    """

    bundle: Bundle
    report: Report

    def predict(self, files: str | Path | Sequence[str | Path] | Frame, root: str | Path | None = None) -> Frame:
        """Scores of a few records on the CPU: the columns and values of ``medkd predict``, and ``reason``.

        Args:
            files: a folder of files, a cohort's root or a manifest; or paths of records; or a table with ``sample_id``
                and one column of paths per modality.
            root: what relative paths start from, and above all records; by default the working folder.

        Raises:
            InputError: there is nothing to score.
        """
        if isinstance(files, str | Path):
            items = find_items(Path(files), self.bundle.modalities, self.bundle.target.key, registry=registry)
            return predict_items(self.bundle, items)
        return predict_files(self.bundle, files, root=root)


def load_bundle(folder: str | Path, trust: Sequence[str] = ()) -> LoadedBundle:
    """Read a bundle; its checksums are compared first.

    Args:
        folder: what ``medkd distill`` left.
        trust: packages beside medkd whose classes the bundle may name.

    Raises:
        InputError: it is damaged, or names a class that is not trusted.
    """
    return LoadedBundle(Bundle.load(Path(folder), tuple(trust)), Report.load(folder))
