"""What is to be scored: a manifest, a cohort's root or a plain folder, as one table of items."""

from __future__ import annotations

import importlib
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from medkd.data.core.cohort import Cohort, Extract
from medkd.data.core.modality import Modality
from medkd.data.io.digest import digest_of
from medkd.errors import InputError, MedkdError, nearest

MANIFESTS = (".csv", ".parquet")
STRETCH = {"series": pl.String, "zero_hour": pl.Float64}
"""Columns that say which stretch of a file of events is a sample's."""
_SLICE = 4096


@dataclass(frozen=True)
class Items:
    """What is to be scored.

    Args:
        table: ``sample_id`` (unique, sorted), ``subject_id`` (null where unknown), where it is said ``series`` and
            ``zero_hour`` (whose events of a file, and at which hour of theirs the sample begins), and one column a
            modality: its path, null where absent.
        root: what the paths are relative to.
        source: "manifest", "folder" or "cohort NAME".
        extract: writes below a folder what lies in tables shared by many items; the columns of the modalities come with
            it.
    """

    table: pl.DataFrame
    root: Path
    source: str
    extract: Callable[[Path], Extract] | None = None

    @property
    def digest(self) -> str:
        """Changes with the list: names and paths, not the files' content."""
        return digest_of([digest_of(part.rows()) for part in self.table.iter_slices(_SLICE)])

    def placed(self, folder: Path) -> Items:
        """The items with a file each to read, below ``folder`` where they lay in shared tables.

        Raises:
            InputError: a shared table cannot be read.
        """
        if self.extract is None:
            return self
        made = self.extract(folder)
        paths = made.samples.select(pl.all().cast(pl.String))
        return Items(self.table.join(paths, on="sample_id", how="left", maintain_order="left"), made.root, self.source)


def find_items(source: Path, modalities: Mapping[str, Modality], target: str = "") -> Items:
    """The items of INPUT: a manifest if it is a file, a cohort's root if it holds one's marker, else a folder of files.

    Args:
        source: INPUT.
        modalities: those that the bundle sees, by name.
        target: the bundle's target, for a cohort whose samples depend on it.

    Raises:
        InputError: there is nothing of that name, nothing in it, or the list cannot be used.
    """
    source = Path(source)
    if source.is_file():
        return _from_manifest(source, tuple(modalities))
    if not source.is_dir():
        raise InputError(
            f"no such file or folder: {source}",
            where="INPUT",
            remedy="Give a folder of files, a cohort's root or a manifest",
        )
    found = _from_cohort(source, tuple(modalities), target)
    return found if found is not None else _from_folder(source, modalities)


def _from_manifest(path: Path, modalities: tuple[str, ...]) -> Items:
    if path.suffix.lower() not in MANIFESTS:
        raise InputError(
            f"'{path.name}' is no manifest", where="INPUT", remedy=f"Give a folder, or a table: {', '.join(MANIFESTS)}"
        )
    try:
        # As text throughout, since a number's leading zeros belong to the name.
        table = pl.read_csv(path, infer_schema=False) if path.suffix.lower() == ".csv" else pl.read_parquet(path)
        table = table.select(pl.all().cast(pl.String))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"manifest cannot be read: {reason}", where=path, remedy="Write it again as UTF-8 CSV or Parquet"
        ) from error
    for column in ("sample_id", *modalities):
        if column not in table.columns:
            near = nearest(column, table.columns) if table.columns else "It is empty"
            raise InputError(f"manifest has no column '{column}'", where=path, remedy=near)
    wanted = ["sample_id", *(name for name in ("subject_id", *STRETCH) if name in table.columns), *modalities]
    table = table.select(pl.col(wanted).str.strip_chars().replace("", None))
    first = 2 if path.suffix.lower() == ".csv" else 1
    word = "line" if path.suffix.lower() == ".csv" else "row"
    lines: dict[str, int] = {}
    for index, name in enumerate(table["sample_id"].to_list(), start=first):
        if name is None:
            raise InputError("no sample_id", where=f"{path}, {word} {index}", remedy="Give every line one")
        if name in lines:
            where = f"{path}, {word}s {lines[name]} and {index}"
            raise InputError(f"sample_id '{name}' stands twice", where=where, remedy="Make ids unique")
        lines[name] = index
    for modality in modalities:
        inside = [
            _inside(value, path, f"{word} {index}")
            for index, value in enumerate(table[modality].to_list(), start=first)
        ]
        table = table.with_columns(pl.Series(modality, inside, dtype=pl.String))
    if "zero_hour" in table.columns:
        hours = table["zero_hour"].cast(pl.Float64, strict=False)
        if (bad := hours.is_null() & table["zero_hour"].is_not_null()).any():
            place = int(bad.arg_max() or 0)
            said = table["zero_hour"][place]
            raise InputError(
                f"zero_hour '{said}' is no number",
                where=f"{path}, {word} {first + place}",
                remedy="Give hours of the series",
            )
        table = table.with_columns(hours)
    return _items(table, path.parent, "manifest", modalities, path)


def _inside(value: str | None, manifest: Path, line: str) -> str | None:
    """A path of a manifest, relative to the manifest's folder and below it."""
    if value is None:
        return None
    text = value.replace("\\", "/") if "\\" in value and "/" not in value else value
    if posixpath.isabs(text):
        folder = manifest.parent.resolve().as_posix()
        text = posixpath.relpath(posixpath.normpath(text), folder)
    text = posixpath.normpath(text)
    if text == ".." or text.startswith("../") or "\0" in text:
        raise InputError(
            f"path '{value}' leads out of the manifest's folder",
            where=f"{manifest}, {line}",
            remedy="Put the manifest above the data, and write paths relative to it",
        )
    return text


def _from_cohort(root: Path, modalities: tuple[str, ...], target: str) -> Items | None:
    """The samples of the cohort whose marker file lies in ``root``; None where no cohort can read it."""
    for cohort_class in _cohorts_marked(root):
        try:
            cohort = cohort_class(root)
            keys = {key.lower() for key in cohort.targets()}
            table, _ = cohort.samples(cohort.target(target if target.lower() in keys else None))
        except MedkdError:
            continue
        source = f"cohort {cohort_class.name}"
        if set(modalities) <= set(table.columns):
            return _items(table, root, source, modalities, root)
        if set(modalities) <= set(cohort.modalities()):
            return replace(_items(table, root, source, (), root), extract=partial(_extract, cohort, table, modalities))
    return None


def _extract(cohort: Cohort, samples: pl.DataFrame, modalities: tuple[str, ...], folder: Path) -> Extract:
    made = cohort.extract(samples, folder, modalities)
    return replace(made, samples=made.samples.select("sample_id", *modalities))


def _cohorts_marked(root: Path) -> Iterator[Any]:
    """Cohorts whose marker lies in ``root``, synthetic ones last.

    They imitate a published layout, whose own reader goes first.
    """
    # The engine names no cohort and imports from no floor above: it asks the front desk what there is.
    listing = importlib.import_module("medkd.registry")
    entries = [entry for entry in listing.entries("cohorts") if entry.found is not None]
    for entry in sorted(entries, key=lambda entry: (entry.name.startswith("demo_"), entry.name)):
        if (root / entry.found.marker).exists():
            yield entry.found


def _from_folder(root: Path, modalities: Mapping[str, Modality]) -> Items:
    table: pl.DataFrame | None = None
    for name, modality in modalities.items():
        found = _named(pl.Series(name, sorted(modality.find(root)), dtype=pl.String), root)
        table = found if table is None else table.join(found, on="sample_id", how="full", coalesce=True)
    if table is None or table.is_empty():
        raise InputError(
            f"no {' or '.join(modalities)} record found",
            where=root,
            remedy="Give the folder that holds them, or a manifest",
        )
    return _items(table, root, "folder", tuple(modalities), root)


def _named(paths: pl.Series, root: Path) -> pl.DataFrame:
    """``sample_id`` of each path: without suffix, but whole where another path has taken that name."""
    bare = pl.Series("bare", [_without_suffix(path, root) for path in paths], dtype=pl.String)
    whole = pl.col(paths.name)
    once = pl.when(pl.col("bare").is_first_distinct()).then("bare").otherwise(whole).alias("sample_id")
    table = pl.DataFrame([paths, bare]).select(once, whole)
    return table.with_columns(
        pl.when(pl.col("sample_id").is_first_distinct()).then("sample_id").otherwise(whole).alias("sample_id")
    )


def _without_suffix(path: str, root: Path) -> str:
    """``path`` without its file's suffix.

    A record that is no file of its own (two files of one stem) has none to lose.
    """
    if not (root / path).is_file():
        return path
    name = PurePosixPath(path)
    return name.as_posix().removesuffix("".join(name.suffixes) if name.suffix == ".gz" else name.suffix)


def _items(table: pl.DataFrame, root: Path, source: str, modalities: tuple[str, ...], where: Path) -> Items:
    if table.is_empty():
        raise InputError("nothing to score", where=where, remedy="It lists no item")
    if "subject_id" not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.String).alias("subject_id"))
    stretch = [pl.col(name).cast(kind) for name, kind in STRETCH.items() if name in table.columns]
    named = [pl.col(name).cast(pl.String) for name in modalities]
    table = table.select(pl.col("sample_id", "subject_id").cast(pl.String), *stretch, *named).sort("sample_id")
    return Items(table, root, source)
