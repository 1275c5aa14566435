"""Control banks: outputs of teachers that know less, with which a gain is compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from medkd.data.core.target import Target
from medkd.data.io.atomic import writing_folder
from medkd.distill.bank import TeacherBank, write_bank


def shuffled_bank(source: TeacherBank, folder: Path, seed: int) -> None:
    """The same outputs, permuted among the samples of each fold.

    What remains is the distribution of a teacher's outputs.
    """
    rng = np.random.default_rng([seed, 30])
    fold = source.index["fold"].to_numpy()
    order = np.arange(len(fold))
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        order[rows] = rows[rng.permutation(len(rows))]
    with writing_folder(folder) as out:
        write_bank(
            out,
            replace(source.meta, made_by="shuffled_teacher"),
            source.index,
            {name: array[order] for name, array in source.arrays.items()},
        )


def label_only_bank(source: TeacherBank, folder: Path, samples: pl.DataFrame, target: Target) -> None:
    """A teacher that knows the label and nothing else: each sample gets the mean output of its class.

    There is no row for samples whose label is withheld or missing; of several labels, a missing one is a class of its
    own. The result is label smoothing at the teacher's own confidence, so a gain that it matches is regularisation.
    """
    joined = source.index.join(
        samples.select("sample_id", *target.columns), on="sample_id", how="left", maintain_order="left"
    )
    known = (pl.col("source") != -1) & pl.any_horizontal(pl.col(target.columns).is_not_null())
    labelled = joined.with_row_index("row").filter(known)
    rows = labelled["row"].to_numpy()
    outputs = {name: np.asarray(array[rows], dtype=np.float64) for name, array in source.arrays.items()}
    for name, output in outputs.items():
        if name == "logits" and target.kind == "multilabel":
            for column, label in enumerate(target.columns):
                output[:, column] = _class_means(
                    output[:, column], labelled[label].cast(pl.String).fill_null("?").to_numpy()
                )
        else:
            classes = labelled.select(
                pl.concat_str(pl.col(target.columns).cast(pl.String).fill_null("?"), separator="|").alias("class")
            )["class"]
            outputs[name] = _class_means(output, classes.to_numpy())
    arrays = {name: output.astype(np.float32) for name, output in outputs.items()}
    meta = replace(source.meta, made_by="label_only_teacher")
    with writing_folder(folder) as out:
        write_bank(out, meta, labelled.select(source.index.columns), arrays)


def _class_means(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    means = values.copy()
    for name in np.unique(classes):
        means[classes == name] = values[classes == name].mean(axis=0)
    return means
