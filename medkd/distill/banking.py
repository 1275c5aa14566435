"""Filling a bank: each row from a teacher that did not see it, in chunks that survive a kill."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from tqdm import tqdm

from medkd.data.io.atomic import writing, writing_folder
from medkd.data.io.digest import digest_of
from medkd.data.loading.store import Prepared
from medkd.data.splits.split import Split, keeps_label
from medkd.distill.bank import BankMeta, TeacherBank, write_bank
from medkd.distill.learner import Learner
from medkd.errors import InputError

CHUNK = 1024
ANCHORS = 2048


@dataclass(frozen=True)
class Member:
    """One teacher, and the folds that it was not trained on."""

    learner: Learner
    held_out: frozenset[int]


def plan_rows(
    split: Split, held_out: Sequence[int], label_fraction: float, members: Sequence[Member], in_sample: bool
) -> pl.DataFrame:
    """Who speaks on whom: ``sample_id``, ``fold``, ``source``, ``seen``.

    A labelled sample of fold j gets the teacher that left j out; one whose label is withheld gets the mean of all
    teachers (``source`` -1), none of which saw its label.

    Raises:
        InputError: no teacher left a fold out, and in-sample rows were not asked for.
    """
    pool = split.table.filter(~pl.col("fold").is_in(list(held_out)))
    source_of = {
        fold: next((place for place, member in enumerate(members) if fold in member.held_out), None)
        for fold in pool["fold"].unique()
    }
    lacking = sorted(fold for fold, place in source_of.items() if place is None)
    if lacking and not in_sample:
        raise InputError(
            f"every teacher was trained on fold {lacking[0]}",
            where="bank",
            remedy="Cross-fit the teachers, or set in_sample: true",
        )
    rows = []
    labelled = pool.select(keeps_label(label_fraction)).to_series()
    for fold, labelled_subject in zip(pool["fold"], labelled, strict=True):
        place = source_of[fold]
        if not labelled_subject:
            rows.append((-1, False))
        else:
            rows.append((0 if place is None else place, place is None))
    planned = pl.DataFrame(rows, schema={"source": pl.Int64, "seen": pl.Boolean}, orient="row")
    return pool.select("sample_id", "fold").hstack(planned)


def build_bank(
    folder: Path, members: Sequence[Member], split: Split, prepared: Mapping[str, Prepared], meta: BankMeta
) -> TeacherBank:
    """Ask each teacher about the samples that it must speak on, and keep the answers.

    Embeddings of different teachers lie in spaces that differ by a rotation at best; before they are mixed in one bank
    each is centred and rotated onto the first teacher's (orthogonal Procrustes on up to 2,048 samples).

    Args:
        folder: of the bank; chunks lie beside it until it is whole, so a killed build goes on where it stopped.
        members: the teachers.
        split: whose folds ``meta.held_out`` and the members' refer to.
        prepared: what the teachers see, by modality.
        meta: kept with the bank; chunks of a build with other meta, or of another size, are discarded.
    """
    plan = plan_rows(split, meta.held_out, meta.label_fraction, members, meta.in_sample)
    # Chunks are named by their first row alone, so those of another size belong to another folder.
    chunks = folder.parent / f".{folder.name}.chunks-{digest_of([meta.digest, CHUNK])[:16]}"
    for stale in folder.parent.glob(f".{folder.name}.chunks-*"):
        if stale != chunks:
            shutil.rmtree(stale)
    turns = _rotations(members, prepared, plan) if "embedding" in meta.fields else []
    starts = range(0, plan.height, CHUNK)
    for start in tqdm(starts, desc=f"bank {folder.name}", unit="chunk", disable=not sys.stderr.isatty()):
        path = chunks / f"{start:09d}.npz"
        if not path.is_file():
            with writing(path) as temporary, temporary.open("wb") as file:
                np.savez(
                    file, allow_pickle=False, **_speak(members, prepared, plan.slice(start, CHUNK), meta.fields, turns)
                )
    held = [np.load(chunks / f"{start:09d}.npz", allow_pickle=False) for start in starts]
    with writing_folder(folder) as out:
        write_bank(out, meta, plan, {name: np.concatenate([part[name] for part in held]) for name in meta.fields})
    shutil.rmtree(chunks)
    return TeacherBank.open(folder, in_sample=meta.in_sample)


Turn = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""A teacher's mean embedding, its rotation onto the first teacher's space, and the first teacher's mean."""


def _rotations(members: Sequence[Member], prepared: Mapping[str, Prepared], plan: pl.DataFrame) -> list[Turn]:
    anchors = plan["sample_id"].gather_every(max(plan.height // ANCHORS, 1)).to_list()
    embedded = [_embedding(member, prepared, anchors).astype(np.float64) for member in members]
    first = embedded[0].mean(axis=0)
    return [
        (own.mean(axis=0), orthogonal_procrustes(own - own.mean(axis=0), embedded[0] - first)[0], first)
        for own in embedded
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


def _speak(
    members: Sequence[Member],
    prepared: Mapping[str, Prepared],
    plan: pl.DataFrame,
    fields: Sequence[str],
    turns: Sequence[Turn],
) -> dict[str, NDArray[np.float32]]:
    ids, source = plan["sample_id"].to_list(), plan["source"].to_numpy()
    sums: dict[str, NDArray[np.float64]] = {}
    spoken = np.zeros(len(ids))
    for place, member in enumerate(members):
        mine = np.flatnonzero((source == place) | (source == -1))
        if not len(mine):
            continue
        output = member.learner.predict(prepared, [ids[row] for row in mine])
        spoken[mine] += 1
        for name in fields:
            answer = getattr(output, name).double().numpy()
            if name == "embedding":
                centre, rotation, onto = turns[place]
                answer = (answer - centre) @ rotation + onto
            sums.setdefault(name, np.zeros((len(ids), *answer.shape[1:])))[mine] += answer
    return {
        name: (total / spoken.reshape(-1, *(1,) * (total.ndim - 1))).astype(np.float32) for name, total in sums.items()
    }
