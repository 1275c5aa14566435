"""Prediction in memory, for notebooks and programs: a few files or rows in, a table out, nothing written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.engines.determinism import deterministic_kernels
from medkd.deploy.inference.engines.local import score_chunks
from medkd.deploy.inference.items import Items, items_of, named_by_path, temporary_extract
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.predictions import results_table
from medkd.deploy.inference.settings import DEFAULTS, PredictSettings
from medkd.errors import InputError


def predict_files(
    bundle: Bundle,
    files: Sequence[str | Path] | pl.DataFrame,
    *,
    root: str | Path | None = None,
    settings: PredictSettings = DEFAULTS,
) -> pl.DataFrame:
    """Scores of a few records on the CPU: the columns, order and values of ``medkd predict``, and ``reason``.

    An item that cannot be used has ``status`` "quarantined", its ``reason``, and no scores.

    Args:
        bundle: loaded.
        files: records of a bundle that sees one modality, as paths below ``root``; or a table with ``sample_id`` and
            one column of paths per modality, null where absent.
        root: what relative paths start from; by default the working folder. A record is named by its path from there,
            without its suffix.
        settings: batch size, precision, workers and retries; the rest has no effect.

    Raises:
        InputError: there is nothing to score, a path is outside ``root``, a column is missing, or an id is repeated.
    """
    folder = Path(root or ".")
    items = (
        _from_table(bundle, files, folder) if isinstance(files, pl.DataFrame) else _from_paths(bundle, files, folder)
    )
    return predict_items(bundle, items, settings)


def predict_items(bundle: Bundle, items: Items, settings: PredictSettings = DEFAULTS) -> pl.DataFrame:
    """Scores of items from ``find_items``, in the form of ``predict_files``.

    Args:
        bundle: loaded.
        items: if they share tables, those are copied to a temporary folder for the time of the call.
        settings: batch size, precision, workers and retries; the rest has no effect.

    Raises:
        InputError: a shared table cannot be read.
    """
    plan = Plan(
        bundle_sha256=bundle.bundle_sha256,
        items_sha256=items.digest,
        items=items.table.height,
        batch_size=settings.batch_size,
        device="cpu",
        precision=settings.precision,
    )
    with (
        tempfile.TemporaryDirectory() as scratch,
        temporary_extract(items, Path(scratch)) as extracted,
        deterministic_kernels("cpu") as passes,
    ):
        slots = [bundle.to("cpu")] * passes
        chunks = score_chunks(slots, extracted, plan, settings, range(plan.chunks))
        results = [result for chunk in chunks for result in chunk.results]
    return results_table(results, bundle.target, bundle.model_sha256)


def _from_paths(bundle: Bundle, files: Sequence[str | Path], root: Path) -> Items:
    if len(bundle.modalities) != 1:
        names = ", ".join(bundle.modalities)
        raise InputError(
            f"the bundle sees several modalities: {names}",
            where="files",
            remedy="Give a table with sample_id and a column of paths for each",
        )
    (modality,) = bundle.modalities
    paths = pl.Series(modality, sorted(_below(path, root) for path in files), dtype=pl.String)
    return items_of(named_by_path(paths, root), root, "files", (modality,), "files")


def _from_table(bundle: Bundle, table: pl.DataFrame, root: Path) -> Items:
    for column in ("sample_id", *bundle.modalities):
        if column not in table.columns:
            raise InputError(f"the table has no column '{column}'", where="files", remedy="Add it")
    if table["sample_id"].has_nulls() or table["sample_id"].is_duplicated().any():
        raise InputError("sample_id is missing or repeated", where="files", remedy="Give each row one of its own")
    return items_of(table, root, "files", tuple(bundle.modalities), "files")


def _below(path: str | Path, root: Path) -> str:
    """A path relative to ``root``."""
    folder = os.path.abspath(root)
    try:
        return Path(os.path.abspath(root / path)).relative_to(folder).as_posix()
    except ValueError as error:
        raise InputError(
            f"{path} is not below {folder}", where="files", remedy="Give a root above all files"
        ) from error
