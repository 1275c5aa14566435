"""Construction of a bank: each row from a teacher that was not trained on it, in chunks that survive a kill."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from tqdm import tqdm

from medkd.data.io.atomic import writing, writing_folder
from medkd.data.io.digest import digest_of
from medkd.data.loading.store import Prepared
from medkd.data.splits.split import Split
from medkd.distill.bank import BankMeta, TeacherBank, write_bank
from medkd.distill.folds import MEAN, Member, plan_rows
from medkd.errors import InputError

CHUNK = 1024
"""Rows that are computed and written at once."""
ANCHORS = 2048
"""Samples at most on which the embeddings of two teachers are compared."""

Alignment = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""A teacher's mean embedding, its rotation onto the first teacher's space, and the first teacher's mean."""


def build_bank(
    folder: Path, members: Sequence[Member], split: Split, prepared: Mapping[str, Prepared], meta: BankMeta
) -> TeacherBank:
    """Compute each teacher's outputs for its rows (``plan_rows``), and write them as one bank.

    Embeddings of different teachers are in spaces that differ by a rotation at best; before they are mixed in one bank
    each is centred and rotated onto the first teacher's (orthogonal Procrustes on up to 2,048 samples).

    Args:
        folder: of the bank; its chunks are kept beside it until it is whole, so a killed build continues where it
            stopped.
        members: the teachers.
        split: whose folds ``meta.held_out`` and the members' refer to.
        prepared: the teachers' prepared arrays, by modality.
        meta: kept with the bank; chunks of a build with other meta, or of another size, are discarded.

    Raises:
        InputError: no teacher left a fold out and ``meta.in_sample`` is False, or a teacher has no embedding to keep.
    """
    plan = plan_rows(split, meta.held_out, meta.label_fraction, members, meta.in_sample)
    # Chunks are named by their first row alone, so those of another size belong in another folder.
    chunks = folder.parent / f".{folder.name}.chunks-{digest_of([meta.digest, CHUNK])[:16]}"
    for stale in folder.parent.glob(f".{folder.name}.chunks-*"):
        if stale != chunks:
            shutil.rmtree(stale)
    alignments = _alignments(members, prepared, plan) if "embedding" in meta.fields else []
    starts = range(0, plan.height, CHUNK)
    for start in tqdm(starts, desc=f"bank {folder.name}", unit="chunk", disable=not sys.stderr.isatty()):
        path = chunks / f"{start:09d}.npz"
        if not path.is_file():
            arrays = _outputs(members, prepared, plan.slice(start, CHUNK), meta.fields, alignments)
            with writing(path) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
    parts = [np.load(chunks / f"{start:09d}.npz", allow_pickle=False) for start in starts]
    with writing_folder(folder) as out:
        write_bank(out, meta, plan, {name: np.concatenate([part[name] for part in parts]) for name in meta.fields})
    shutil.rmtree(chunks)
    return TeacherBank.open(folder, in_sample=meta.in_sample)


def _alignments(members: Sequence[Member], prepared: Mapping[str, Prepared], plan: pl.DataFrame) -> list[Alignment]:
    anchors = plan["sample_id"].gather_every(max(plan.height // ANCHORS, 1)).to_list()
    embeddings = [_embedding(member, prepared, anchors).astype(np.float64) for member in members]
    first = embeddings[0].mean(axis=0)
    means = [embedding.mean(axis=0) for embedding in embeddings]
    return [
        (mean, orthogonal_procrustes(embedding - mean, embeddings[0] - first)[0], first)
        for embedding, mean in zip(embeddings, means, strict=True)
    ]


def _embedding(member: Member, prepared: Mapping[str, Prepared], ids: Sequence[str]) -> NDArray[np.float32]:
    embedding = member.learner.predict(prepared, ids).embedding
    if embedding is None:
        raise InputError(
            "teacher has no embedding to keep",
            where="bank",
            remedy="Drop the objectives that need it, or use another network",
        )
    return np.asarray(embedding.numpy())


def _outputs(
    members: Sequence[Member],
    prepared: Mapping[str, Prepared],
    plan: pl.DataFrame,
    fields: Sequence[str],
    alignments: Sequence[Alignment],
) -> dict[str, NDArray[np.float32]]:
    """The planned rows of each field: one teacher's output, or the mean of all."""
    ids, source = plan["sample_id"].to_list(), plan["source"].to_numpy()
    sums: dict[str, NDArray[np.float64]] = {}
    counts = np.zeros(len(ids))
    for index, member in enumerate(members):
        rows = np.flatnonzero((source == index) | (source == MEAN))
        if not len(rows):
            continue
        output = member.learner.predict(prepared, [ids[row] for row in rows])
        counts[rows] += 1
        for name in fields:
            values = getattr(output, name).double().numpy()
            if name == "embedding":
                centre, rotation, onto = alignments[index]
                values = (values - centre) @ rotation + onto
            sums.setdefault(name, np.zeros((len(ids), *values.shape[1:])))[rows] += values
    return {
        name: (total / counts.reshape(-1, *(1,) * (total.ndim - 1))).astype(np.float32) for name, total in sums.items()
    }
