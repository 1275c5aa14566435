"""Items to be scored: those of a manifest, of a cohort's root, or of a plain folder, as one table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

import polars as pl

from medkd.data.core.cohort import Cohort, Extract
from medkd.data.core.modality import Modality
from medkd.data.core.registry import Registry
from medkd.data.core.sample import Exclusion
from medkd.data.io.digest import digest_of
from medkd.data.io.locks import locked_folder, sweep
from medkd.deploy.inference.manifest import EVENT_COLUMNS, read_manifest
from medkd.deploy.inference.text_table import escaped, is_utf8
from medkd.errors import InputError, MedkdError

_ROWS_PER_DIGEST = 4096
_EXTRACT = ".extract-"


@dataclass(frozen=True)
class Items:
    """The items of a run.

    Args:
        table: ``sample_id`` (unique, sorted), ``subject_id`` (null where unknown), if known ``series`` and
            ``zero_hour`` (see ``EVENT_COLUMNS``), and one column per modality: its path, null where absent.
        root: what the paths are relative to.
        source: "manifest", "folder", "files" or "cohort NAME".
        extract: writes below a folder what is kept in tables shared by many items; the columns of the modalities come
            with it. None where each item has files of its own.
        flaws: why an item cannot be read, by its ``sample_id``, known from the list alone: it is set aside.
        files: number of files in a folder; None where items come from a list.
        unread: files of a folder that belong to no item, counted by kind.
        excluded: samples that a cohort leaves out, counted by reason.
    """

    table: pl.DataFrame
    root: Path
    source: str
    extract: Callable[[Path], Extract] | None = None
    flaws: Mapping[str, str] = field(default_factory=dict)
    files: int | None = None
    unread: Mapping[str, int] = field(default_factory=dict)
    excluded: tuple[Exclusion, ...] = ()

    @property
    def digest(self) -> str:
        """Changes with the list: names, paths and flaws, not the files' content."""
        parts = [digest_of(part.rows()) for part in self.table.iter_slices(_ROWS_PER_DIGEST)]
        return digest_of([*parts, digest_of(sorted(self.flaws.items()))] if self.flaws else parts)

    def extracted_to(self, folder: Path) -> Items:
        """The items with files of their own, written below ``folder`` where they share tables.

        Raises:
            InputError: a shared table cannot be read.
        """
        if self.extract is None:
            return self
        extract = self.extract(folder)
        paths = extract.samples.select(pl.all().cast(pl.String))
        table = self.table.join(paths, on="sample_id", how="left", maintain_order="left")
        return replace(self, table=table, root=extract.root, extract=None)


def find_items(source: Path, modalities: Mapping[str, Modality], target: str = "", *, registry: Registry) -> Items:
    """The items of INPUT: a manifest if it is a file, a cohort's root if it holds one's marker, else a folder of files.

    Args:
        source: INPUT.
        modalities: those that the bundle sees, by name.
        target: the bundle's target, for a cohort whose samples depend on it.
        registry: the cohorts whose roots are recognised.

    Raises:
        InputError: there is nothing of that name, nothing in it, or the list cannot be used.
    """
    source = Path(source)
    if source.is_file():
        manifest = read_manifest(source, tuple(modalities))
        return replace(
            items_of(manifest.table, source.parent, "manifest", tuple(modalities), source), flaws=manifest.flaws
        )
    if not source.is_dir():
        raise InputError(
            f"no such file or folder: {source}",
            where="INPUT",
            remedy="Give a folder of files, a cohort's root or a manifest",
        )
    return _from_cohort(source, tuple(modalities), target, registry) or _from_folder(source, modalities)


def items_of(
    table: pl.DataFrame, root: Path, source: str, modalities: tuple[str, ...], where: object = "INPUT"
) -> Items:
    """Items from a table that has ``sample_id`` and one column per modality, sorted, other columns left out.

    Raises:
        InputError: the table is empty.
    """
    if table.is_empty():
        raise InputError("nothing to score", where=where, remedy="It lists no item")
    if "subject_id" not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.String).alias("subject_id"))
    events = [pl.col(name).cast(kind) for name, kind in EVENT_COLUMNS.items() if name in table.columns]
    paths = [pl.col(name).cast(pl.String) for name in modalities]
    table = table.select(pl.col("sample_id", "subject_id").cast(pl.String), *events, *paths).sort("sample_id")
    return Items(table, root, source)


def named_by_path(paths: pl.Series, root: Path) -> pl.DataFrame:
    """``sample_id`` of each path, without its suffix; whole where another path has taken that name."""
    bare = pl.Series("bare", [_without_suffix(path, root) for path in paths], dtype=pl.String)
    whole = pl.col(paths.name)
    once = pl.when(pl.col("bare").is_first_distinct()).then("bare").otherwise(whole).alias("sample_id")
    table = pl.DataFrame([paths, bare]).select(once, whole)
    return table.with_columns(
        pl.when(pl.col("sample_id").is_first_distinct()).then("sample_id").otherwise(whole).alias("sample_id")
    )


@contextmanager
def temporary_extract(items: Items, out: Path) -> Iterator[Items]:
    """The items with files of their own, for the time of the block.

    Files that had to be written for that are below ``out`` (mode 0700) until the block ends.

    Raises:
        InputError: a shared table cannot be read.
    """
    if items.extract is None:
        yield items
        return
    with locked_folder(out, _EXTRACT) as folder:
        yield items.extracted_to(folder)


@contextmanager
def temporary_table(items: Items, out: Path) -> Iterator[Path]:
    """The table of items as a Parquet file below ``out`` (mode 0700), for other machines, until the block ends."""
    with locked_folder(out, _EXTRACT) as folder:
        items.table.write_parquet(folder / "items.parquet")
        yield folder / "items.parquet"


def sweep_extracts(out: Path) -> None:
    """Remove what killed runs left in ``out``."""
    sweep(out, f"{_EXTRACT}*")


def _from_cohort(root: Path, modalities: tuple[str, ...], target: str, registry: Registry) -> Items | None:
    """The samples of the cohort whose marker file is in ``root``; None where no cohort can read it."""
    for cohort_class in _cohorts_marked(root, registry):
        try:
            cohort = cohort_class(root)
            keys = {key.lower() for key in cohort.targets()}
            table, excluded = cohort.samples(cohort.target(target if target.lower() in keys else None))
        except MedkdError:
            continue
        source = f"cohort {cohort_class.name}"
        if set(modalities) <= set(table.columns):
            return replace(items_of(table, root, source, modalities, root), excluded=tuple(excluded))
        if set(modalities) <= set(cohort.modalities()):
            items = items_of(table, root, source, (), root)
            extract = partial(_extract, cohort, table, modalities)
            return replace(items, extract=extract, excluded=tuple(excluded))
    return None


def _extract(cohort: Cohort, samples: pl.DataFrame, modalities: tuple[str, ...], folder: Path) -> Extract:
    extract = cohort.extract(samples, folder, modalities)
    return replace(extract, samples=extract.samples.select("sample_id", *modalities))


def _cohorts_marked(root: Path, registry: Registry) -> list[type[Cohort]]:
    """Cohorts whose marker is in ``root``, synthetic ones last.

    They imitate a published layout, whose own reader goes first.
    """
    marked = [cohort for cohort in registry.cohorts() if (root / cohort.marker).exists()]
    return sorted(marked, key=lambda cohort: (cohort.name.startswith("demo_"), cohort.name))


def _from_folder(root: Path, modalities: Mapping[str, Modality]) -> Items:
    table: pl.DataFrame | None = None
    unusable: list[str] = []
    files = list(_files(root))
    read: set[str] = set()
    for name, modality in modalities.items():
        paths = sorted(modality.find(root))
        read |= modality.files_of(paths, files, root)
        records = named_by_path(pl.Series(name, filter(is_utf8, paths), dtype=pl.String), root)
        unusable += (path for path in paths if not is_utf8(path))
        table = records if table is None else table.join(records, on="sample_id", how="full", coalesce=True)
    unread = Counter(_kind(file) for file in files if file not in read)
    if table is None or (table.is_empty() and not unusable):
        lacking = f"no {' or '.join(modalities)} record found"
        raise InputError(
            f"{lacking} among {len(files)} files ({in_words(unread)})" if files else lacking,
            where=root,
            remedy="Give the folder that holds them, or a manifest",
        )
    flaws = _flaws(unusable, set(table["sample_id"].to_list()))
    table = pl.concat([table, pl.DataFrame({"sample_id": list(flaws)}, {"sample_id": pl.String})], how="diagonal")
    items = items_of(table, root, "folder", tuple(modalities), root)
    return replace(items, flaws=flaws, files=len(files), unread=dict(unread.most_common()))


def _flaws(paths: Sequence[str], taken: set[str]) -> dict[str, str]:
    """Reason why each of the paths is set aside, by a name that no other item has."""
    flaws: dict[str, str] = {}
    for path in paths:
        name = escaped(path)
        while name in taken or name in flaws:
            name += "'"
        flaws[name] = str(InputError("its name is not UTF-8", remedy="Rename the file"))
    return flaws


def in_words(unread: Mapping[str, int]) -> str:
    """Counts by kind in words.

    >>> in_words({".txt": 2, "without suffix": 1})
    '2 .txt, 1 without suffix'
    """
    return ", ".join(f"{count:,} {kind}" for kind, count in unread.items())


def _files(root: Path) -> Iterator[str]:
    """Every file below ``root`` but those in hidden folders, as POSIX paths relative to it."""
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            yield Path(parent, name).relative_to(root).as_posix()


def _kind(file: str) -> str:
    """A file's kind in words: its suffixes in lower case.

    >>> _kind("a/B.CSV.gz"), _kind("IM000001"), _kind("1.2.840.113"), _kind(".DS_Store")
    ('.csv.gz', 'without suffix', 'without suffix', 'hidden')
    """
    name = PurePosixPath(file)
    if name.name.startswith("."):
        return "hidden"
    suffix = name.suffix.lower()
    if suffix in (".gz", ".bz2", ".xz", ".zst"):
        suffix = f"{PurePosixPath(name.stem).suffix.lower()}{suffix}"
    return escaped(suffix) if any(sign.isalpha() for sign in suffix) else "without suffix"


def _without_suffix(path: str, root: Path) -> str:
    """``path`` without its file's suffix.

    A record that is not a file of its own (two files of one stem) has none to lose, nor has a DICOM identifier, whose
    last number would be another patient's.
    """
    name = PurePosixPath(path)
    if not (root / path).is_file() or not name.suffix[1:2].isalpha():
        return path
    return name.as_posix().removesuffix("".join(name.suffixes) if name.suffix == ".gz" else name.suffix)
