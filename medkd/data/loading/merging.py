"""Merge of prepared shards: the same bytes as if they had been prepared in one place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from medkd.data.core.modality import Modality
from medkd.data.core.view import Part
from medkd.data.events.events import SERIES_PER_FILE
from medkd.data.io.atomic import writing
from medkd.data.io.locks import locked_folder
from medkd.data.loading.store import BUILDING, Prepared, part_key, publish, reserve

ROWS = 1024
"""Rows copied at once."""


def merge_series(sources: Sequence[Path], folder: Path, name: str) -> dict[str, str]:
    """Files of series (events, texts) from several folders as those of one, a file for every 1,024 series.

    No more than one such file is in memory at a time.

    Args:
        sources: folders that a modality was extracted to; each series is in one of them.
        folder: what the returned paths are relative to.
        name: of the modality.

    Returns:
        The file of each series.
    """
    parts = [file for source in sources for file in sorted((source / name).glob("*.parquet"))]
    if not parts:
        return {}
    rows = pl.scan_parquet(parts)
    series = rows.select(pl.col("series").unique()).collect(engine="streaming")["series"].sort()
    files: dict[str, str] = {}
    for number, first in enumerate(range(0, len(series), SERIES_PER_FILE)):
        path = f"{name}/{number:05d}.parquet"
        block = series[first : first + SERIES_PER_FILE]
        # Sorted by series alone: within one, the order is that of its only source.
        events = (
            rows.filter(pl.col("series").is_between(pl.lit(block[0]), pl.lit(block[-1])))
            .collect()
            .sort("series", maintain_order=True)
        )
        with writing(folder / path) as temporary:
            events.write_parquet(temporary)
        files |= dict.fromkeys(block, path)
    return files


def merge_prepared(
    sources: Sequence[Prepared], folder: Path, modality: Modality, part: Part, samples: pl.DataFrame, root: Path
) -> None:
    """Write the prepared arrays of several sources as those of all ``samples``, where ``prepare`` finds them.

    Args:
        sources: each sample is in one of them.
        folder, modality, samples, root: as of ``prepare``.
        part: of a view.

    Raises:
        InputError: no record at all can be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = samples.select("sample_id").join(
        pl.concat([source.index for source in sources]), on="sample_id", how="left", maintain_order="left"
    )
    row_of = {name: row for row, name in enumerate(samples["sample_id"])}
    with locked_folder(folder, BUILDING) as temporary:
        file = temporary / "values.npy"
        shape = (samples.height, *modality.shape(part))
        values = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
        reserve(file)
        for source in sources:
            rows = np.array([row_of[name] for name in source.index["sample_id"]])
            for start in range(0, len(rows), ROWS):
                values[rows[start : start + ROWS]] = source.values[start : start + ROWS]
        values.flush()
        publish(folder, modality, part, part_key(modality, part, samples, root), file, index)
