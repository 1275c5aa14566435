"""What a folder of predictions was begun for: the same command goes on with it, another is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_json
from medkd.data.io.private import writing_private
from medkd.errors import InputError

CHUNK = 256
"""Items computed and written together: whole, or again."""
PLAN, CHUNKS, RUN = "plan.json", "chunks", "run.json"
PARQUET, TABLE, QUARANTINE = "predictions.parquet", "predictions.csv", "quarantine.csv"
_WORDS = {
    "schema_version": "another version of medkd",
    "bundle_sha256": "another bundle",
    "items_sha256": "another list of items",
    "batch_size": "another batch size",
    "device": "another device",
    "runtime": "another runtime",
    "precision": "another precision",
    "chunk": "another version of medkd",
}
_SHOWN = ("batch_size", "device", "runtime", "precision")


@dataclass(frozen=True)
class Plan:
    """Everything that a score depends on: it must not change while a folder is being filled.

    Args:
        bundle_sha256: of the bundle.
        items_sha256: of the list of items.
        items: how many there are.
        batch_size: rows in each pass of the network.
        device: "cpu" or "cuda": they round differently.
        runtime: "torch" or "onnx", what computes the network.
        precision: 32 or 16 bits of a number inside the network.
        chunk: items a chunk.
    """

    bundle_sha256: str
    items_sha256: str
    items: int
    batch_size: int
    device: str
    runtime: str = "torch"
    precision: int = 32
    chunk: int = CHUNK
    schema_version: int = 2

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.items // self.chunk)

    @property
    def digest(self) -> str:
        """Stands in every chunk file."""
        return digest_of(self)

    def rows(self, table: pl.DataFrame, index: int) -> pl.DataFrame:
        """The items of one chunk."""
        return table.slice(index * self.chunk, self.chunk)

    def shard(self, part: int, parts: int) -> list[int]:
        """Chunks of shard ``part`` of ``parts``, counted from 1.

        >>> Plan("", "", 1000, 32, "cpu").shard(2, 3)
        [1]
        """
        return list(range(part - 1, self.chunks, parts))

    def begin(self, out: Path) -> None:
        """Take ``out`` for this plan, or go on with it.

        Raises:
            InputError: it was begun for something else, or holds files of the same names that are not from here.
            OSError: it cannot be written to.
        """
        path = out / PLAN
        if path.exists():
            self._compare(read_json(path, "Give a new folder with --out"), out)
        else:
            for name in (PARQUET, TABLE, QUARANTINE, RUN):
                if (out / name).exists():
                    raise InputError(
                        f"{out} holds a {name} that no run here can go on with",
                        where="--out",
                        remedy="Give a new folder",
                    )
        (out / CHUNKS).mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with writing_private(path) as temporary:
                temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def _compare(self, begun: dict[str, Any], out: Path) -> None:
        for name, word in _WORDS.items():
            if begun.get(name) != getattr(self, name):
                detail = f": {begun.get(name)}" if name in _SHOWN and name in begun else ""
                raise InputError(
                    f"{out} was begun with {word}{detail}",
                    where="--out",
                    remedy="Give a new folder, or repeat the first command exactly",
                )
