"""Split: training, validation and test subjects, written once with a sha256."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import polars as pl

from medkd.data.io.atomic import write_json
from medkd.data.io.digest import digest_of
from medkd.errors import InputError

Role = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Split:
    """One seed's assignment of subjects.

    Args:
        table: ``sample_id``, ``subject_id``, ``fold`` (int), ``inner`` (bool: inner validation where its fold is
            trained on), ``label_rank`` (in [0, 1), one per subject: labelled at fraction F when below F, so that
            fractions are nested).
        protocol: holdout · official · kfold:K.
        seed: fixes the partition.
        evaluated: folds that are test folds.
        crossfit: folds that out-of-fold teachers leave out in turn.
    """

    table: pl.DataFrame
    protocol: str
    seed: int
    evaluated: tuple[int, ...]
    crossfit: tuple[int, ...]

    @cached_property
    def sha256(self) -> str:
        """Of the assignment itself, not of the file's bytes."""
        return digest_of(self._content())

    def role(
        self, role: Role, held_out: Sequence[int], label_fraction: float = 1.0, *, labelled_only: bool = True
    ) -> pl.DataFrame:
        """Samples of one role when the folds ``held_out`` are not trained on, in the table's order.

        Args:
            role: "test" are the held-out folds; "val" the inner validation of the others; "train" the rest.
            held_out: empty for the deployable refit, which is trained on all subjects.
            label_fraction: fraction of training and inner-validation subjects that keep their label.
            labelled_only: leave out the subjects whose label is withheld. Test subjects always keep theirs.
        """
        tested = pl.col("fold").is_in(list(held_out))
        if role == "test":
            return self.table.filter(tested)
        trained = pl.lit(True) if not held_out else ~pl.col("inner")
        rows = self.table.filter(~tested & (pl.col("inner") if role == "val" else trained))
        return rows.filter(keeps_label(label_fraction)) if labelled_only else rows

    def save(self, path: Path) -> None:
        """Write it once; an existing file must hold the same split.

        Raises:
            InputError: another split is already there.
        """
        if path.exists():
            if Split.load(path).sha256 != self.sha256:
                raise InputError(
                    "another split was written here", where=path, remedy="Choose another --out, or remove that run"
                )
            return
        write_json(path, {"schema_version": 1, **self._content(), "sha256": self.sha256})

    @classmethod
    def load(cls, path: Path, sha256: str | None = None) -> Split:
        """Read and check a split.

        Raises:
            InputError: the file was edited, is not a split, or puts a subject in two folds.
        """
        if not path.is_file():
            raise InputError("no split file", where=path, remedy="Run the stage 'split' first")
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            split = cls(
                table=pl.DataFrame(document["rows"]).select("sample_id", "subject_id", "fold", "inner", "label_rank"),
                protocol=document["protocol"],
                seed=document["seed"],
                evaluated=tuple(document["evaluated"]),
                crossfit=tuple(document["crossfit"]),
            )
        except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as broken:
            raise InputError(
                "not a split file", where=path, remedy="Remove it and run the stage 'split' again"
            ) from broken
        refuse_overlap(split.table, path)
        if split.sha256 != document.get("sha256") or (sha256 is not None and sha256 != split.sha256):
            raise InputError(
                "split was edited after it was written", where=path, remedy="Remove the run, or restore the file"
            )
        return split

    def _content(self) -> dict[str, object]:
        return {
            "protocol": self.protocol,
            "seed": self.seed,
            "evaluated": list(self.evaluated),
            "crossfit": list(self.crossfit),
            "rows": self.table.to_dict(as_series=False),
        }


def keeps_label(label_fraction: float) -> pl.Expr:
    """Rows of ``Split.table`` whose subject keeps its label at that fraction; the only place where this is decided."""
    return pl.col("label_rank") < label_fraction


def refuse_overlap(table: pl.DataFrame, where: object) -> None:
    """Refuse a table that puts one subject in two folds, or a sample twice.

    Raises:
        InputError: it does; the message counts the subjects, and names none.
    """
    folds = table.group_by("subject_id").agg(pl.col("fold").n_unique(), pl.col("inner").n_unique())
    if crossing := folds.filter((pl.col("fold") > 1) | (pl.col("inner") > 1)).height:
        raise InputError(
            f"{crossing} subjects are in two splits", where=where, remedy="Split by subject_id, not by sample"
        )
    if table["sample_id"].is_duplicated().any():
        raise InputError("a sample is in the split twice", where=where, remedy="Make sample_id unique")
