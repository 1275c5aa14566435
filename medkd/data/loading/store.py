"""Store of prepared arrays: each file is read and prepared once, then memory-mapped."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tqdm import tqdm

from medkd.data.core.modality import Modality
from medkd.data.core.view import Part
from medkd.data.io.atomic import writing_folder
from medkd.data.io.digest import digest_file, digest_of
from medkd.data.io.load import read_array, read_json, read_table
from medkd.data.io.locks import locked_folder, sweep
from medkd.errors import InputError, RecordError

CHUNK = 256
BUILDING = ".building-"
"""Prefix of the folders in which arrays are written before they are published."""


@dataclass(frozen=True)
class Prepared:
    """Prepared arrays of one part of a view.

    Args:
        folder: of the files.
        values: "sample channel ..." float32, memory-mapped; rows of unusable or absent samples are zero.
        index: ``sample_id``, ``status`` ("ok", "absent", "unusable"), ``reason``.
        sha256: of the values.
    """

    folder: Path
    values: NDArray[np.float32]
    index: pl.DataFrame
    sha256: str

    @classmethod
    def open(cls, folder: Path) -> Prepared:
        """Map what ``prepare`` wrote.

        Raises:
            InputError: nothing was prepared there, or a file of it is damaged.
        """
        if not (folder / "meta.json").is_file():
            raise InputError("nothing was prepared here", where=folder, remedy="Run the stage 'prepare' first")
        remedy = f"Remove {folder}: it is then prepared again"
        meta = read_json(folder / "meta.json", remedy)
        index = read_table(folder / "index.parquet", remedy)
        return cls(folder, read_array(folder / "values.npy", remedy), index, str(meta.get("values_sha256")))

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.index["sample_id"])}

    def rows(self, sample_ids: Iterable[str]) -> NDArray[np.int64]:
        """Row numbers of samples, whatever their order.

        Raises:
            InputError: some samples were never prepared; the message counts them, and names none.
        """
        rows = [self._row_of.get(name, -1) for name in sample_ids]
        if missing := rows.count(-1):
            raise InputError(
                f"{missing} samples were not prepared", where=self.folder, remedy="Run the stage 'prepare' again"
            )
        return np.array(rows, dtype=np.int64)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Whether each row holds a signal."""
        return (self.index["status"] == "ok").to_numpy()


def part_key(modality: Modality, part: Part, samples: pl.DataFrame, root: Path) -> str:
    """Digest of what prepared arrays depend on: preparation, part, sample ids, and the files' sizes and times."""
    files = list(_fingerprints(samples, modality.name, root))
    return digest_of(
        {"modality": modality.digest, "part": str(part), "ids": samples["sample_id"].to_list(), "files": files}
    )


def prepare(
    folder: Path,
    modality: Modality,
    parts: Sequence[Part],
    samples: pl.DataFrame,
    root: Path,
    jobs: int = 1,
    *,
    whole: bool = True,
) -> dict[str, Prepared]:
    """Read every sample once and prepare it for each part; parts that are already there are reused.

    Args:
        folder: of a run's prepared arrays; each part has a folder in it, named by its digest.
        modality: reads and prepares.
        parts: of the models' views.
        samples: the sample table; a null in the modality's column is "absent".
        root: the data set's folder.
        jobs: processes that read.
        whole: these are all samples, of which at least one must be usable; a shard may have none.

    Returns:
        The prepared arrays by ``str(part)``. A record that cannot be used is set aside with its reason in ``index``.

    Raises:
        InputError: no record at all could be used; the first reason is given.
    """
    sweep(folder, f"{BUILDING}*")
    keys = {str(part): part_key(modality, part, samples, root) for part in parts}
    todo = [part for part in parts if not (folder / keys[str(part)][:16] / "meta.json").is_file()]
    if todo:
        _build(folder, modality, todo, keys, samples, root, jobs, whole)
    return {str(part): Prepared.open(folder / keys[str(part)][:16]) for part in parts}


def _build(
    folder: Path,
    modality: Modality,
    parts: list[Part],
    keys: dict[str, str],
    samples: pl.DataFrame,
    root: Path,
    jobs: int,
    whole: bool,
) -> None:
    shapes = [modality.shape(part) for part in parts]
    chunks = [samples.slice(start, CHUNK).to_dicts() for start in range(0, samples.height, CHUNK)]
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder, BUILDING) as temporary:
        maps = [
            np.lib.format.open_memmap(
                temporary / f"{number}.npy", mode="w+", dtype=np.float32, shape=(samples.height, *shape)
            )
            for number, shape in enumerate(shapes)
        ]
        for number in range(len(maps)):
            reserve(temporary / f"{number}.npy")
        status: list[list[tuple[str, str]]] = [[] for _ in parts]
        bar = tqdm(
            total=samples.height, desc=f"prepare {modality.name}", unit="record", disable=not sys.stderr.isatty()
        )
        for batch, chunk in enumerate(_chunks(modality, parts, chunks, root, jobs)):
            for number, rows in enumerate(chunk):
                for offset, (values, state, reason) in enumerate(rows):
                    status[number].append((state, reason))
                    if values is not None:
                        maps[number][batch * CHUNK + offset] = values
            bar.update(len(chunk[0]))
        bar.close()
        for number, part in enumerate(parts):
            maps[number].flush()
            index = samples.select("sample_id").with_columns(
                pl.Series("status", [state for state, _ in status[number]], dtype=pl.String),
                pl.Series("reason", [why for _, why in status[number]], dtype=pl.String),
            )
            publish(folder, modality, part, keys[str(part)], temporary / f"{number}.npy", index, whole=whole)


def reserve(file: Path) -> None:
    """Allocate the whole file: a full disk is an error here, while writing to a mapped hole would end the process."""
    if hasattr(os, "posix_fallocate"):
        with file.open("r+b") as handle:
            os.posix_fallocate(handle.fileno(), 0, file.stat().st_size)


def publish(
    folder: Path, modality: Modality, part: Part, key: str, values: Path, index: pl.DataFrame, *, whole: bool = True
) -> None:
    """Move finished arrays to the folder where ``prepare`` looks for them.

    Args:
        folder, modality, part, whole: as of ``prepare``.
        key: of the part.
        values: file of the arrays; it is moved.
        index: ``sample_id``, ``status``, ``reason``, one row per array.

    Raises:
        InputError: no record at all could be used.
    """
    if whole and not (index["status"] == "ok").any():
        reasons = index.filter(pl.col("status") == "unusable")["reason"]
        raise InputError(
            f"no record of {part} could be used", where=_commonest(reasons), remedy="Check --root and the view"
        )
    with writing_folder(folder / key[:16]) as out:
        values.replace(out / "values.npy")
        index.write_parquet(out / "index.parquet")
        meta = {
            "schema_version": 1,
            "key": key,
            "part": str(part),
            "modality": modality.digest,
            "values_sha256": digest_file(out / "values.npy"),
        }
        (out / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")


def _commonest(reasons: pl.Series) -> str:
    """The most frequent reason."""
    return str(reasons.value_counts(sort=True)[reasons.name][0]) if len(reasons) else "every sample lacks it"


Row = tuple[NDArray[np.float32] | None, str, str]


def _chunks(
    modality: Modality, parts: list[Part], chunks: list[list[dict[str, Any]]], root: Path, jobs: int
) -> Iterator[list[list[Row]]]:
    if jobs <= 1 or len(chunks) < 2 * jobs:
        for chunk in chunks:
            yield prepare_chunk(modality, parts, chunk, root)
        return
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("forkserver" if sys.platform == "linux" else "spawn")
    ) as pool:
        yield from pool.map(prepare_chunk, *zip(*((modality, parts, chunk, root) for chunk in chunks), strict=True))


def prepare_chunk(
    modality: Modality, parts: Sequence[Part], rows: Sequence[Mapping[str, Any]], root: Path
) -> list[list[Row]]:
    """For each part, each row's values, status and reason."""
    return [list(column) for column in zip(*(_prepare_row(modality, parts, row, root) for row in rows), strict=True)]


def _prepare_row(modality: Modality, parts: Sequence[Part], row: Mapping[str, Any], root: Path) -> list[Row]:
    if row[modality.name] is None:
        return [(None, "absent", "")] * len(parts)
    # Without the record's name equal reasons count together, and no identifier reaches a report.
    name = Path(str(row[modality.name])).name
    try:
        raw = modality.read(row, root)
    except RecordError as error:
        return [(None, "unusable", error.what.replace(name, "..."))] * len(parts)
    prepared: list[Row] = []
    for part in parts:
        try:
            values = modality.prepare(modality.select(raw, part))
            empty = modality.traits.partial and bool(np.isnan(values).all())
            prepared.append((None, "absent", "") if empty else (values, "ok", ""))
        except RecordError as error:
            prepared.append((None, "unusable", error.what.replace(name, "...")))
    return prepared


def _fingerprints(samples: pl.DataFrame, column: str, root: Path) -> Iterator[list[tuple[str, int, int]] | None]:
    """Size and time of every file that shares a record's stem, with one listing per folder."""
    listings: dict[Path, dict[str, list[tuple[str, int, int]]]] = {}
    for name in samples[column]:
        if name is None:
            yield None
            continue
        path = root / str(name)
        if path.parent not in listings:
            listings[path.parent] = _listing(path.parent)
        yield listings[path.parent].get(path.name.split(".")[0], [])


def _listing(folder: Path) -> dict[str, list[tuple[str, int, int]]]:
    files: dict[str, list[tuple[str, int, int]]] = {}
    if folder.is_dir():
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            facts = entry.stat()
            files.setdefault(entry.name.split(".")[0], []).append((entry.name, facts.st_size, facts.st_mtime_ns))
    return files
