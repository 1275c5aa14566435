"""A bank of a teacher's outputs on disk: computed once, out of fold, matched by sample id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike, NDArray

from medkd.data.core.output import Output
from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_array, read_json, read_table
from medkd.distill.learner import learner_sha256
from medkd.errors import InputError

FIELDS = ("logits", "embedding")
"""Fields of ``Output`` that a bank can keep."""


@dataclass(frozen=True)
class BankMeta:
    """What a bank was made from; any change of it makes the bank stale.

    Args:
        teachers: sha256 of each teacher's weights, by its folder.
        prepared: sha256 of the teachers' prepared arrays, by folder.
        split_sha256: the split that folds refer to.
        held_out: outer test folds, on which no teacher was trained.
        label_fraction: fraction of the training subjects whose labels the teachers were trained on.
        fields: of ``Output`` that are kept.
        in_sample: whether a row may come from a teacher that was trained on it.
        made_by: "out_of_fold", or the control that it was derived for.
    """

    teachers: dict[str, str]
    prepared: dict[str, str]
    split_sha256: str
    held_out: tuple[int, ...]
    label_fraction: float
    fields: tuple[str, ...]
    in_sample: bool = False
    made_by: str = "out_of_fold"
    schema_version: int = 1

    @property
    def digest(self) -> str:
        """Changes when the bank would."""
        return digest_of(self)


@dataclass(frozen=True)
class TeacherBank:
    """A teacher's outputs for the un-augmented view, one row per sample.

    Args:
        meta: what it was made from.
        index: ``sample_id``, ``fold`` (of the sample), ``source`` (position of the teacher; -1 is the mean of all, for
            samples whose label no teacher saw), ``seen`` (bool: that teacher was trained on this sample's label).
        arrays: field → "sample ..." float32, memory-mapped.
    """

    meta: BankMeta
    index: pl.DataFrame
    arrays: Mapping[str, NDArray[np.float32]]

    @classmethod
    def open(cls, folder: Path, *, in_sample: bool = False, check: bool = True) -> TeacherBank:
        """Map a finished bank.

        Args:
            folder: where ``build_bank`` or a control wrote it.
            in_sample: accept rows from teachers that were trained on them.
            check: compare the teachers and prepared arrays that still exist with those that the bank was made from.

        Raises:
            InputError: it is missing, unfinished, stale (a teacher or the preparation changed), or in-sample where
                ``in_sample`` is False.
        """
        meta_file = folder / "meta.json"
        if not meta_file.is_file():
            raise InputError("no finished bank here", where=folder, remedy="Run its 'bank' stage")
        document: dict[str, Any] = read_json(meta_file, "Run its 'bank' stage again")
        meta = BankMeta(**(document | {key: tuple(document[key]) for key in ("held_out", "fields")}))
        index = read_table(folder / "index.parquet", "Run its 'bank' stage again")
        if check:
            refuse_stale(meta, folder)
        if (meta.in_sample or bool(index["seen"].any())) and not in_sample:
            seen = int(index["seen"].sum())
            raise InputError(
                f"{seen} rows come from teachers that were trained on them",
                where=folder,
                remedy="Use out-of-fold rows, or set in_sample: true",
            )
        return cls(
            meta,
            index,
            {name: read_array(folder / f"{name}.npy", "Run its 'bank' stage again") for name in meta.fields},
        )

    @classmethod
    def from_outputs(
        cls,
        sample_ids: Sequence[str],
        logits: ArrayLike,
        embedding: ArrayLike | None = None,
        label_fraction: float = 1.0,
    ) -> TeacherBank:
        """A bank in memory, for a training loop of one's own.

        Args:
            sample_ids: one per row.
            logits: "sample class", out of fold: no row comes from a teacher that was trained on its label. Nothing here
                can check that.
            embedding: "sample dim".
            label_fraction: fraction of the training subjects whose labels the teachers were trained on.

        Raises:
            InputError: an array has another number of rows, or an id is repeated.

        >>> TeacherBank.from_outputs(["a", "b"], [[0.5], [-1.0]]).rows(["b"]).logits
        tensor([[-1.]])
        """
        outputs = {"logits": logits} | ({} if embedding is None else {"embedding": embedding})
        arrays = {name: np.asarray(values, dtype=np.float32) for name, values in outputs.items()}
        for name, array in arrays.items():
            if len(array) != len(sample_ids):
                remedy = "Give one row per sample"
                raise InputError(
                    f"{name} has {len(array)} rows for {len(sample_ids)} samples", where="bank", remedy=remedy
                )
        if len(set(sample_ids)) < len(sample_ids):
            raise InputError("a sample_id is repeated", where="bank", remedy="Give one row per sample")
        meta = BankMeta({}, {}, "", (), label_fraction, tuple(arrays))
        index = pl.DataFrame({"sample_id": list(sample_ids)}).with_columns(
            fold=pl.lit(-1), source=pl.lit(0), seen=False
        )
        return cls(meta, index, arrays)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.index["sample_id"])}

    def rows(self, sample_ids: Sequence[str]) -> Output:
        """The teacher's outputs for samples, whatever their order.

        Raises:
            InputError: there is no row for some of them; the message counts them, and names none.
        """
        rows = [self._row_of.get(name, -1) for name in sample_ids]
        if missing := rows.count(-1):
            raise InputError(
                f"bank lacks {missing} of {len(rows)} samples",
                where=self.meta.made_by,
                remedy="Run its 'bank' stage again",
            )
        parts: dict[str, Any] = {name: torch.from_numpy(array[rows]) for name, array in self.arrays.items()}
        return Output(**parts)


def refuse_stale(meta: BankMeta, where: object) -> None:
    """Refuse a bank whose teachers or prepared arrays are no longer those on disk.

    Raises:
        InputError: a teacher's weights, or its prepared arrays, changed since.
    """
    for folder, sha256 in meta.teachers.items():
        if Path(folder).is_dir() and learner_sha256(Path(folder)) != sha256:
            raise InputError(
                "teacher changed after the bank was made", where=where, remedy="Run its 'bank' stage again"
            )
    for folder, sha256 in meta.prepared.items():
        file = Path(folder) / "meta.json"
        if not file.is_file() or read_json(file).get("values_sha256") != sha256:
            raise InputError(
                "preprocessing changed after the bank was made", where=where, remedy="Run its 'bank' stage again"
            )


def write_bank(out: Path, meta: BankMeta, index: pl.DataFrame, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Write a bank's files into an existing folder, ``meta.json`` last."""
    index.write_parquet(out / "index.parquet")
    for name in meta.fields:
        np.save(out / f"{name}.npy", np.ascontiguousarray(arrays[name], dtype=np.float32), allow_pickle=False)
    (out / "meta.json").write_text(json.dumps(asdict(meta), indent=1), encoding="utf-8")
