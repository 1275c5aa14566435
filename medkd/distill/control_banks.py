"""Banks of teachers that know less: the controls that a gain is held against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from medkd.data.core.target import Target
from medkd.data.io.atomic import writing_folder
from medkd.distill.bank import TeacherBank, write_bank


def shuffled_bank(source: TeacherBank, folder: Path, seed: int) -> None:
    """The same answers dealt to other samples of the same fold.

    What remains is the distribution of a teacher's answers.
    """
    rng = np.random.default_rng([seed, 30])
    fold = source.index["fold"].to_numpy()
    order = np.arange(len(fold))
    for number in np.unique(fold):
        here = np.flatnonzero(fold == number)
        order[here] = here[rng.permutation(len(here))]
    with writing_folder(folder) as out:
        write_bank(
            out,
            replace(source.meta, made_by="shuffled_teacher"),
            source.index,
            {name: array[order] for name, array in source.arrays.items()},
        )


def label_only_bank(source: TeacherBank, folder: Path, samples: pl.DataFrame, target: Target) -> None:
    """A teacher that knows the label and nothing else: each sample gets the mean answer of its class.

    It is silent (no row) on samples whose label is withheld or missing; of several labels, a missing one is a class of
    its own. What it gives is label smoothing at the teacher's own confidence, so a gain that it matches is
    regularisation.
    """
    joined = source.index.join(
        samples.select("sample_id", *target.columns), on="sample_id", how="left", maintain_order="left"
    )
    known = (pl.col("source") != -1) & pl.any_horizontal(pl.col(target.columns).is_not_null())
    kept = joined.with_row_index("row").filter(known)
    rows = kept["row"].to_numpy()
    answers = {name: np.asarray(array[rows], dtype=np.float64) for name, array in source.arrays.items()}
    for name, answer in answers.items():
        if name == "logits" and target.kind == "multilabel":
            for column, label in enumerate(target.columns):
                answer[:, column] = _class_means(
                    answer[:, column], kept[label].cast(pl.String).fill_null("?").to_numpy()
                )
        else:
            classes = kept.select(
                pl.concat_str(pl.col(target.columns).cast(pl.String).fill_null("?"), separator="|").alias("class")
            )["class"]
            answers[name] = _class_means(answer, classes.to_numpy())
    index = kept.select(source.index.columns)
    with writing_folder(folder) as out:
        kept_arrays = {name: answer.astype(np.float32) for name, answer in answers.items()}
        write_bank(out, replace(source.meta, made_by="label_only_teacher"), index, kept_arrays)


def _class_means(answers: np.ndarray, classes: np.ndarray) -> np.ndarray:
    means = answers.copy()
    for name in np.unique(classes):
        means[classes == name] = answers[classes == name].mean(axis=0)
    return means
