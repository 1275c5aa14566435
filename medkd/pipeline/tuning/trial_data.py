"""Trial data: one seed's training and inner-validation subjects, without those of the outer test fold."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from medkd.data.io.atomic import write_json, writing_folder
from medkd.data.io.digest import digest_file, digest_of
from medkd.data.io.load import read_json, read_table
from medkd.data.loading.store import CHUNK, Prepared
from medkd.data.splits.draw import draw_split
from medkd.data.splits.split import Split
from medkd.errors import InputError
from medkd.evidence.scoring import fold_blocks, score_predictions
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.bootstrap import bootstrap
from medkd.evidence.statistics.metrics import metric_named
from medkd.pipeline.graph import Graph, needed_fields
from medkd.pipeline.nested_values import merged
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import Arm, Recipe
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.stages.stage import Stage
from medkd.pipeline.tuning.search_space import SEARCH_ORDER


@dataclass(frozen=True)
class TrialData:
    """One seed without one outer fold: a folder with sample table, prepared arrays and split of all other subjects.

    A stage that runs here finds no other data: it may ask for a subject of the outer fold, and is refused.

    Args:
        folder: the folder that stages take as their run.
        cohort: the remaining samples, prepared.
        split: of the remaining samples; no fold of it is ``fold``.
        fold: the outer fold that was taken out.
        label_fraction: fraction of the training subjects that keep their label.
    """

    folder: Path
    cohort: PreparedCohort
    split: Split
    fold: int
    label_fraction: float

    @property
    def digest(self) -> str:
        """Of all data that a trial's score depends on."""
        return digest_of([self.cohort.digest, self.split.sha256, self.fold, self.label_fraction])

    def stages(self, recipe: Recipe, arm: str, name: str) -> tuple[FitStage, list[Stage]]:
        """One arm's fit below ``name``, and every stage to run for it.

        A student's bank is the same for all students of a teacher.
        """
        quiet = recipe.model_copy(update={key: _without_bar(recipe.arm(key)) for key in SEARCH_ORDER})
        graph = Graph(quiet, self.cohort, (self.fold,), self.split.crossfit, needed_fields(recipe.student))
        seed, outer = self.split.seed, (self.fold,)
        bank = graph.bank("teacher", seed, outer, self.label_fraction) if arm == "student" else None
        fit = graph.fit(
            f"{arm}/{name}",
            quiet.arm(arm),
            "teacher" if arm == "teacher" else "student",
            seed,
            outer,
            self.label_fraction,
            arm,
            bank,
            unlabelled=arm == "student",
        )
        # The split is drawn with all subjects, before any are taken out, so it is not a stage here.
        return fit, [stage for stage in graph.stages.values() if not isinstance(stage, SplitStage)]

    def score(self, fit: FitStage, settings: EvidenceSettings) -> float | None:
        """The evidence's metric on inner validation; None where the fit diverged or the metric is undefined.

        A threshold or temperature that the metric needs is chosen on the same samples. The weights are not kept.
        """
        predictions = read_table(fit.folder(self.folder) / "predictions.parquet", fit.remedy(self.folder))
        inner = predictions.filter(pl.col("role") == "val")
        shutil.rmtree(fit.learner(self.folder), ignore_errors=True)
        if not inner["logit"].is_finite().all():
            return None
        target, whole = self.cohort.target, dataclasses.replace(settings, subgroups=())
        both = pl.concat([inner, inner.with_columns(pl.lit("test").alias("role"))])
        blocks, _ = fold_blocks(
            score_predictions(both, target, whole, read_table(PreparedCohort.samples_file(self.folder))), target
        )
        arm, metric = fit.config["arm"], metric_named(settings.metric, target.kind)
        value = bootstrap(blocks, [arm], {settings.metric: metric}, 1, categorical=target.is_categorical)[
            arm, settings.metric
        ].value
        return value if np.isfinite(value) else None


def _without_bar(arm: Arm) -> Arm:
    """The arm without Lightning's progress bar: a search has one of its own."""
    return arm.model_copy(update={"trainer": merged(arm.trainer, {"enable_progress_bar": False})})


def make_trial_data(whole: Path, home: Path, seed: int, fold: int, label_fraction: float) -> TrialData:
    """Draw a seed's split of a prepared cohort, take an outer fold out, and keep the rest below ``home``.

    Args:
        whole: a run's folder that ``prepare_cohort`` filled.
        home: parent of the folders; one that was made from the same data is opened again, with its fits.
        seed: of the split, and of the fits.
        fold: one of the split's test folds.
        label_fraction: fraction of the training subjects that keep their label.

    Raises:
        InputError: the protocol has no such test fold.
    """
    cohort, samples = PreparedCohort.load(whole), read_table(PreparedCohort.samples_file(whole))
    split = draw_split(samples, cohort.target, cohort.protocol, seed, cohort.official)
    if fold not in split.evaluated:
        count = len(split.evaluated)
        raise InputError(
            f"protocol {cohort.protocol} has {count} test fold{'s' if count > 1 else ''}",
            where="--folds",
            remedy=f"Give {count} at most",
        )
    folder = (home / f"seed{seed}-fold{fold}").resolve()
    made_from = {"digest": digest_of([cohort.digest, split.sha256, fold])}
    marker = folder / "made_from.json"
    if not marker.is_file() or read_json(marker) != made_from:
        table = split.table.filter(pl.col("fold") != fold)
        rest = Split(table, split.protocol, seed, (fold,), tuple(other for other in split.crossfit if other != fold))
        remaining = samples.filter(pl.col("sample_id").is_in(table["sample_id"].to_list()))
        with writing_folder(folder) as out:
            _write(out, folder, cohort, remaining, rest)
            write_json(out / marker.name, made_from)
    rest = Split.load(SplitStage(f"split/seed{seed}").file(folder))
    return TrialData(folder, PreparedCohort.load(folder), rest, fold, label_fraction)


def _write(out: Path, folder: Path, cohort: PreparedCohort, samples: pl.DataFrame, split: Split) -> None:
    """Write everything that stages open into ``out``, which will be ``folder``."""
    samples.write_parquet(PreparedCohort.samples_file(out))
    split.save(SplitStage(f"split/seed{split.seed}").file(out))
    sources = {Path(source) for arrays in cohort.stores.values() for source in arrays.values()}
    sha256 = {
        source.name: _write_arrays(
            Prepared.open(source), samples["sample_id"].to_list(), out / "prepared" / source.name
        )
        for source in sources
    }
    stores = {
        role: {name: str(folder / "prepared" / Path(source).name) for name, source in arrays.items()}
        for role, arrays in cohort.stores.items()
    }
    values = {role: {name: sha256[Path(at).name] for name, at in arrays.items()} for role, arrays in stores.items()}
    changed = {
        "root": "",
        "flow": (),
        "stores": stores,
        "samples_sha256": digest_of(samples.write_csv()),
        "data_sha256": digest_of(values),
    }
    cohort.model_copy(update=changed).save(out)


def _write_arrays(stored: Prepared, ids: list[str], out: Path) -> str:
    """Write the prepared arrays of some samples alone; the sha256 of their values."""
    rows = stored.rows(ids)
    out.mkdir(parents=True)
    values = np.lib.format.open_memmap(
        out / "values.npy", mode="w+", dtype=np.float32, shape=(len(rows), *stored.values.shape[1:])
    )
    for start in range(0, len(rows), CHUNK):
        values[start : start + CHUNK] = stored.values[rows[start : start + CHUNK]]
    values.flush()
    stored.index[rows].write_parquet(out / "index.parquet")
    sha256 = digest_file(out / "values.npy")
    write_json(out / "meta.json", {**read_json(stored.folder / "meta.json"), "values_sha256": sha256})
    return sha256
