"""Plan of a run, ``plan.json``: everything that its scores depend on, so that only the same command continues it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import polars as pl

from medkd.data.io.digest import digest_of
from medkd.data.io.document import Document, parse_document
from medkd.data.io.load import read_json
from medkd.data.io.private import writing_private
from medkd.errors import InputError

CHUNK = 256
"""Items computed and written together: whole, or again."""
PLAN, CHUNKS, RUN = "plan.json", "chunks", "run.json"
PARQUET, TABLE, QUARANTINE = "predictions.parquet", "predictions.csv", "quarantine.csv"
_DIFFERENCES = {
    "bundle_sha256": "another bundle",
    "items_sha256": "another list of items",
    "batch_size": "another batch size",
    "device": "another device",
    "runtime": "another runtime",
    "precision": "another precision",
    "chunk": "another version of medkd",
}
_SHOWN = ("batch_size", "device", "runtime", "precision")
_REMEDY = "Give a new folder, or repeat the first command exactly"


class Plan(Document):
    """Everything that a score depends on: it must not change while a folder is being filled."""

    schema_version: Literal[2] = 2
    bundle_sha256: str
    """Digest of the bundle."""
    items_sha256: str
    """Digest of the list of items."""
    items: int
    """Number of items."""
    batch_size: int
    """Rows in each pass of the network."""
    device: Literal["cpu", "cuda"]
    """They round differently."""
    runtime: str = "torch"
    """What computes the network: torch or onnx."""
    precision: int = 32
    """Bits of a number inside the network."""
    chunk: int = CHUNK
    """Items per chunk."""

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.items // self.chunk)

    @property
    def digest(self) -> str:
        """Identifies the plan; every chunk file holds it."""
        return digest_of(self.model_dump())

    def rows(self, table: pl.DataFrame, index: int) -> pl.DataFrame:
        """The items of one chunk."""
        return table.slice(index * self.chunk, self.chunk)

    def shard(self, part: int, parts: int) -> list[int]:
        """Chunks of shard ``part`` of ``parts``, counted from 1.

        >>> plan = Plan(bundle_sha256="", items_sha256="", items=1000, batch_size=32, device="cpu")
        >>> plan.shard(2, 3)
        [1]
        """
        return list(range(part - 1, self.chunks, parts))

    def begin(self, out: Path) -> None:
        """Take ``out`` for this plan, or continue it.

        Raises:
            InputError: it was begun for something else, or holds files of the same names that are not from here.
            OSError: it cannot be written to.
        """
        path = out / PLAN
        if path.exists():
            self._check_same(read_plan(path), out)
        else:
            for name in (PARQUET, TABLE, QUARANTINE, RUN):
                if (out / name).exists():
                    raise InputError(
                        f"{out} holds a {name} that no run here can continue",
                        where="--out",
                        remedy="Give a new folder",
                    )
        (out / CHUNKS).mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with writing_private(path) as temporary:
                temporary.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def _check_same(self, begun: Plan, out: Path) -> None:
        for name, word in _DIFFERENCES.items():
            if (value := getattr(begun, name)) != getattr(self, name):
                detail = f": {value}" if name in _SHOWN else ""
                raise InputError(f"{out} was begun with {word}{detail}", where="--out", remedy=_REMEDY)


def read_plan(path: Path) -> Plan:
    """The plan in ``plan.json``.

    Raises:
        InputError: it is damaged, or of another version.
    """
    document = read_json(path, "Give a new folder with --out")
    if document.get("schema_version") != Plan.model_fields["schema_version"].default:
        raise InputError(f"{path.parent} was begun with another version of medkd", where="--out", remedy=_REMEDY)
    return parse_document(Plan, document, path, "Give a new folder with --out")
