"""General Equivalence Mappings (GEM) between ICD-9-CM and ICD-10-CM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from medkd.errors import InputError
from medkd.modalities.codes.ontology import normalised, normalised_column
from medkd.modalities.codes.published_file import published_text

_FLAGS = ("approximate", "no_map", "combination", "scenario", "choice_list")


def read_gem(path: Path) -> pl.DataFrame:
    """One row per mapping in the file's order: ``source``, ``target`` (null: none) and the flags, as CMS defines them.

    A ``combination`` needs several targets at once: one of each ``choice_list`` of a ``scenario``.

    Args:
        path: ``icd9toicd10cmgem.csv`` or ``icd10cmtoicd9gem.csv``, gzipped or not.

    Raises:
        InputError: the file is missing or damaged, or is another table.

    Source: CMS, General Equivalence Mappings; csv as NBER distributes it.
    """
    try:
        table = pl.read_csv(published_text(path).encode(), infer_schema=False)
        source, target = table.columns[:2]
        if {source, target} != {"icd9cm", "icd10cm"}:
            raise ValueError(f"its first columns are '{source}' and '{target}'")
        return table.select(
            normalised_column(source).alias("source"),
            pl.when(pl.col("no_map") == "0").then(normalised_column(target)).alias("target"),
            *(pl.col(name).cast(pl.Int64) for name in _FLAGS),
        )
    except (pl.exceptions.PolarsError, ValueError) as error:
        what = f"{Path(path).name} is not a table of mappings: {str(error).splitlines()[0]}"
        raise InputError(what, where=path, remedy="Give icd9toicd10cmgem.csv or icd10cmtoicd9gem.csv") from error


def translated(codes: Iterable[str], gem: pl.DataFrame) -> list[tuple[str, ...]]:
    """All targets of each code, in the table's order, including the parts of combinations; () without a mapping.

    >>> table = pl.DataFrame({"source": ["0010", "0011", "36570"], "target": ["A000", "A001", None]})
    >>> translated(["001.0", "36570", "X"], table)
    [('A000',), (), ()]
    """
    targets: dict[str, dict[str, None]] = {}
    for source, target in gem.select("source", "target").drop_nulls().iter_rows():
        targets.setdefault(source, {})[target] = None
    return [tuple(targets.get(normalised(code), ())) for code in codes]
