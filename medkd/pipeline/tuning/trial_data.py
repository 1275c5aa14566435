"""What a tuning trial may see: one seed's training and inner-validation subjects.

Those of the outer test fold are not there.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from medkd.pipeline.prepared_cohort import PreparedCohort
from medkd.pipeline.recipe import Arm, Recipe, merged
from medkd.pipeline.stages.fit import FitStage
from medkd.pipeline.stages.split import SplitStage
from medkd.pipeline.stages.stage import Stage
from medkd.pipeline.tuning.search_space import ARMS


@dataclass(frozen=True)
class Cell:
    """One seed with one outer fold taken out: a folder with sample table, prepared arrays and split of everybody else.

    A stage that runs here finds no other data: it may ask for a subject of the outer fold, and is refused.

    Args:
        folder: what stages take as their run.
        inputs: of the samples that are left.
        split: of the samples that are left; no fold of it is ``fold``.
        fold: the outer fold.
        label_fraction: share of the labels.
    """

    folder: Path
    inputs: PreparedCohort
    split: Split
    fold: int
    label_fraction: float

    @property
    def digest(self) -> str:
        """Of everything that a trial's score depends on here."""
        return digest_of([self.inputs.digest, self.split.sha256, self.fold, self.label_fraction])

    def stages(self, recipe: Recipe, arm: str, name: str) -> tuple[FitStage, list[Stage]]:
        """One arm's fit below ``name``, and every stage to run for it.

        A student's bank is the same for all students of a teacher.
        """
        quiet: dict[str, Any] = {key: _without_bar(getattr(recipe, key)) for key in ARMS}
        graph = Graph(
            replace(recipe, **quiet), self.inputs, (self.fold,), self.split.crossfit, needed_fields(recipe.student)
        )
        seed, outer = self.split.seed, (self.fold,)
        bank = graph.bank("teacher", seed, outer, self.label_fraction) if arm == "student" else None
        role = "teacher" if arm == "teacher" else "student"
        fit = graph.fit(
            f"{arm}/{name}",
            getattr(graph.recipe, arm),
            role,
            seed,
            outer,
            self.label_fraction,
            arm,
            bank,
            unlabelled=arm == "student",
        )
        # The split is drawn with everybody, before anybody is taken out, so it is no stage here.
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
        target, alone = self.inputs.target, replace(settings, subgroups=())
        both = pl.concat([inner, inner.with_columns(pl.lit("test").alias("role"))])
        blocks, _ = fold_blocks(
            score_predictions(both, target, alone, read_table(PreparedCohort.samples_file(self.folder))), target
        )
        arm, metric = fit.config["arm"], metric_named(settings.metric, target.kind)
        value = bootstrap(blocks, [arm], {settings.metric: metric}, 1, categorical=target.is_categorical)[
            arm, settings.metric
        ].value
        return value if np.isfinite(value) else None


def _without_bar(arm: Arm) -> Arm:
    """A search has one bar of its own."""
    return replace(arm, trainer=merged(arm.trainer, {"enable_progress_bar": False}))


def make_cell(whole: Path, cells: Path, seed: int, fold: int, label_fraction: float) -> Cell:
    """Draw a seed's split of a prepared cohort, take an outer fold out, and keep the rest below ``cells``.

    Args:
        whole: a run's folder that ``prepare_inputs`` filled.
        cells: where cells lie; one that was made from the same data is opened again, with what was fitted there.
        seed: of the split, and of the fits.
        fold: which of the split's test folds.
        label_fraction: share of the labels.

    Raises:
        InputError: the protocol has no such test fold.
    """
    inputs, samples = PreparedCohort.load(whole), read_table(PreparedCohort.samples_file(whole))
    split = draw_split(samples, inputs.target, inputs.protocol, seed, inputs.official)
    if fold not in split.evaluated:
        count = len(split.evaluated)
        raise InputError(
            f"protocol {inputs.protocol} has {count} test fold{'s' if count > 1 else ''}",
            where="--folds",
            remedy=f"Give {count} at most",
        )
    folder = (cells / f"seed{seed}-fold{fold}").resolve()
    made_from = {"digest": digest_of([inputs.digest, split.sha256, fold])}
    marker = folder / "made_from.json"
    if not marker.is_file() or read_json(marker) != made_from:
        kept = split.table.filter(pl.col("fold") != fold)
        rest = Split(kept, split.protocol, seed, (fold,), tuple(other for other in split.crossfit if other != fold))
        with writing_folder(folder) as out:
            _write(out, folder, inputs, samples.filter(pl.col("sample_id").is_in(kept["sample_id"].to_list())), rest)
            write_json(out / marker.name, made_from)
    rest = Split.load(SplitStage(f"split/seed{seed}").file(folder))
    return Cell(folder, PreparedCohort.load(folder), rest, fold, label_fraction)


def _write(out: Path, folder: Path, inputs: PreparedCohort, samples: pl.DataFrame, split: Split) -> None:
    """Everything that stages open, into ``out``, which will be ``folder``."""
    samples.write_parquet(PreparedCohort.samples_file(out))
    split.save(SplitStage(f"split/seed{split.seed}").file(out))
    sources = {Path(source) for held in inputs.stores.values() for source in held.values()}
    sha256 = {
        source.name: _take(Prepared.open(source), samples["sample_id"].to_list(), out / "prepared" / source.name)
        for source in sources
    }
    stores = {
        role: {name: str(folder / "prepared" / Path(source).name) for name, source in held.items()}
        for role, held in inputs.stores.items()
    }
    replace(
        inputs,
        root="",
        flow=(),
        stores=stores,
        samples_sha256=digest_of(samples.write_csv()),
        data_sha256=digest_of(
            {role: {name: sha256[Path(at).name] for name, at in held.items()} for role, held in stores.items()}
        ),
    ).save(out)


def _take(stored: Prepared, ids: list[str], out: Path) -> str:
    """Prepared arrays of some samples alone; the sha256 of their values."""
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
