"""Shards: a cohort built in parts, by subject, each by its own command on any machine, then put together."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from medkd.data.core.cohort import Cohort, Extract
from medkd.data.core.sample import Exclusion, check_samples, summed
from medkd.data.io.atomic import write_json, writing_folder
from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_json
from medkd.data.loading.merging import merge_prepared, merge_series
from medkd.data.loading.shard import Shard
from medkd.data.loading.store import Prepared, prepare
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import Wanted, model_inputs_of, wanted_by
from medkd.pipeline.recipe import Recipe

SHARDS = "shards"
_RECORD = "shard.json"


def shard_folder(out: Path, shard: Shard) -> Path:
    """The folder of a shard of the cohort that is built in ``out``."""
    return out / SHARDS / shard.folder


def build_shard(recipe: Recipe, cohort: Cohort, shard: Shard, out: Path, jobs: int) -> int:
    """Extract and prepare the samples of one shard's subjects; its folder appears when all of it is there.

    Returns:
        How many samples it has.

    Raises:
        InputError: the recipe does not fit the cohort, or the cohort cannot be read.
    """
    target = cohort.target(recipe.target or None)
    table = shard.of(check_samples(cohort.samples(target)[0], target, f"cohort {cohort.name}"))
    with writing_folder(shard_folder(out, shard)) as folder:
        record: dict[str, Any] = {
            "schema_version": 1,
            "samples_sha256": _digest(table),
            "events": False,
            "aside": [],
            "stores": {},
        }
        if table.height:
            extract = cohort.extract(table, folder / "events")
            record |= {"events": extract.root == folder / "events", "aside": [asdict(item) for item in extract.aside]}
            for digest, (modality, parts) in wanted_by(model_inputs_of(recipe, cohort)).items():
                made = prepare(folder / "prepared", modality, parts, extract.samples, extract.root, jobs, whole=False)
                record["stores"] |= {f"{digest} {part}": stored.folder.name for part, stored in made.items()}
        write_json(folder / _RECORD, record)
    return table.height


@dataclass(frozen=True)
class Shards:
    """All shards of a cohort.

    Args:
        out: the folder that the cohort is built in.
        parts: number of shards.
        records: content of each one's ``shard.json``.
    """

    out: Path
    parts: int
    records: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, out: Path) -> Shards | None:
        """The shards below ``out``; None where none was built.

        Raises:
            InputError: one of them is missing, or they are shards of several numbers.
        """
        matches = [re.fullmatch(r"(\d+)of(\d+)", folder.name) for folder in sorted((out / SHARDS).glob("*of*"))]
        there = {Shard(int(match[1]), int(match[2])) for match in matches if match}
        if not there:
            return None
        numbers = sorted({shard.parts for shard in there})
        if len(numbers) > 1:
            totals = " and ".join(f"/{number}" for number in numbers)
            raise InputError(
                f"shards of {totals} are side by side", where=out / SHARDS, remedy="Remove those that are not wanted"
            )
        wanted = [Shard(part, numbers[0]) for part in range(1, numbers[0] + 1)]
        if missing := [str(shard) for shard in wanted if shard not in there]:
            what = f"shards {', '.join(missing)} are missing" if len(missing) > 1 else f"shard {missing[0]} is missing"
            raise InputError(
                what, where=out / SHARDS, remedy=f"Build it first: the same command with --shard {missing[0]}"
            )
        return cls(out, numbers[0], tuple(read_json(shard_folder(out, shard) / _RECORD) for shard in wanted))

    def extract(self, cohort: Cohort, samples: pl.DataFrame, folder: Path) -> Extract:
        """The extracts of all shards, as one extract of all samples.

        Raises:
            InputError: a shard was built from other samples.
        """
        for part, record in enumerate(self.records, start=1):
            shard = Shard(part, self.parts)
            if record.get("samples_sha256") != _digest(shard.of(samples)):
                raise InputError(
                    f"shard {shard} was built from other samples",
                    where=shard_folder(self.out, shard),
                    remedy=f"Build it again with --shard {shard}",
                )
        if not any(record["events"] for record in self.records):
            return cohort.extract(samples, folder)
        series = pl.col("series").cast(pl.String)
        for name in cohort.modalities():
            files = merge_series([source / "events" for source in self._folders], folder, name)
            samples = samples.with_columns(
                series.replace_strict(files, default=None, return_dtype=pl.String).alias(name)
            )
        aside = summed(
            ([Exclusion(**item) for item in record["aside"]] for record in self.records), list(cohort.modalities())
        )
        return Extract(folder, samples, aside)

    def prepare(self, folder: Path, wanted: Wanted, samples: pl.DataFrame, root: Path) -> None:
        """Put the shards' arrays together below ``folder``, where ``prepare`` finds them.

        Raises:
            InputError: a shard was prepared with other settings, or no record of a modality can be used.
        """
        for digest, (modality, parts) in wanted.items():
            for part in parts:
                sources = [
                    self._prepared(number, f"{digest} {part}")
                    for number, record in enumerate(self.records)
                    if record["stores"]
                ]
                merge_prepared(sources, folder, modality, part, samples, root)

    @property
    def _folders(self) -> list[Path]:
        return [shard_folder(self.out, Shard(part, self.parts)) for part in range(1, self.parts + 1)]

    def _prepared(self, number: int, name: str) -> Prepared:
        folder, stores = self._folders[number], self.records[number]["stores"]
        if name not in stores:
            shard = Shard(number + 1, self.parts)
            raise InputError(
                f"shard {shard} was built with other settings",
                where=folder,
                remedy=f"Build it again with --shard {shard}",
            )
        return Prepared.open(folder / "prepared" / stores[name])


def _digest(samples: pl.DataFrame) -> str:
    return digest_of(samples.select("sample_id", "subject_id").rows())
