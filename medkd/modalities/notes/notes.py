"""Notes as a modality: token ids in chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from medkd.data.core.display import Passage
from medkd.data.core.modality import Modality, Traits
from medkd.data.core.sample import Exclusion
from medkd.data.core.view import Part
from medkd.data.events.events import series_of
from medkd.errors import InputError
from medkd.modalities.notes.texts import Texts, read_texts, write_texts
from medkd.modalities.notes.tokenizers import hashed_chunks, pretrained_chunks, tokenizer_digest


@dataclass(frozen=True)
class Notes(Modality):
    """Texts written within the window, as token ids in chunks, in the order of time; a chunk never spans two notes.

    Args:
        tokenizer: folder of a pretrained tokenizer on this machine (Bio_ClinicalBERT's, for instance); "" hashes words,
            for which no file is needed.
        vocabulary: number of ids of the hashing tokenizer, including 0, which no word has.
        length: tokens per chunk.
        chunks: per sample, at most; of more the latest are used.
        hours: length of a part that names no window, from time zero.

    >>> ids = Notes(vocabulary=64, length=4, chunks=2).prepare(Texts((1.0,), ("stable overnight",)))
    >>> ids.shape, int(np.isfinite(ids).sum())
    ((2, 4), 2)
    """

    name: ClassVar[str] = "notes"
    # NaN follows a chunk's last token and a sample's last chunk; many notes are written from the same template.
    traits: ClassVar[Traits] = Traits(partial=True, identifying=False, measured=False)
    tokenizer: str = ""
    vocabulary: int = 4096
    length: int = 128
    chunks: int = 8
    hours: float = 24.0

    def __post_init__(self) -> None:
        if self.vocabulary < 2 or self.length < 3 or self.chunks < 1 or self.hours <= 0:
            raise InputError(
                f"vocabulary {self.vocabulary}, length {self.length}, chunks {self.chunks}, hours {self.hours:g}",
                where=self.name,
                remedy="Give a vocabulary of 2, a length of 3, a chunk, and hours above 0, at least",
            )

    def prepare_fields(self) -> dict[str, Any]:
        """The same tokenizer in another folder gives the same ids."""
        return super().prepare_fields() | ({"tokenizer": tokenizer_digest(self.tokenizer)} if self.tokenizer else {})

    def shape(self, part: Part) -> tuple[int, ...]:
        """Chunks, tokens.

        Raises:
            InputError: the part names a channel; a note has none.
        """
        if part.selector:
            raise InputError(
                f"{self.name} has no channel '{part.selector[0]}'",
                where=str(part),
                remedy="Name only a window: notes[0:24h]",
            )
        return self.chunks, self.length

    def read(self, row: Mapping[str, Any], root: Path) -> Texts:
        """Texts of the sample's series (``row['series']``, else its ``sample_id``) from ``row['zero_hour']`` (0) on."""
        path, is_named = root / str(row[self.name]), row.get("series") is not None
        return read_texts(path, *series_of(row), is_named=is_named)

    def select(self, raw: Texts, part: Part) -> Texts:
        """Only the texts of the part's window."""
        return raw.within(*self._window(part))

    def display(self, raw: Texts, part: Part) -> Passage:
        """Every text, as written."""
        return Passage(self.name, raw.hours, raw.texts, self._window(part))

    def _window(self, part: Part) -> tuple[float, float]:
        return part.window or (0.0, self.hours)

    def prepare(self, raw: Texts) -> NDArray[np.float32]:
        """Token ids "chunk token", NaN where there is none."""
        chunks = [chunk for text in raw.texts for chunk in self._tokens(text)][-self.chunks :]
        ids = np.full((self.chunks, self.length), np.nan, np.float32)
        for index, chunk in enumerate(chunks):
            ids[index, : len(chunk)] = chunk
        return ids

    def extract(self, events: pl.LazyFrame, folder: Path) -> tuple[dict[str, str], list[Exclusion]]:
        """Write texts below ``folder``: the file of each series, and counts of texts set aside, by reason.

        Args:
            events: ``series``, ``hours``, ``text``.
            folder: what the returned paths are relative to.
        """
        empty = pl.col("text").is_null() | (pl.col("text").str.strip_chars() == "")
        flaw = (
            pl.when(empty)
            .then(pl.lit("no text"))
            .when(pl.col("hours").is_null())
            .then(pl.lit("no time"))
            .otherwise(None)
        )
        notes = (
            events.select("series", "hours", pl.col("text").cast(pl.String))
            .with_columns(flaw.alias("flaw"))
            .collect(engine="streaming")
        )
        flaws = notes.group_by("flaw").len().drop_nulls().sort("flaw")
        files = write_texts(notes.filter(pl.col("flaw").is_null()), folder, self.name)
        return files, [Exclusion(f"{self.name}: {reason}", count) for reason, count in flaws.iter_rows()]

    def _tokens(self, text: str) -> list[list[int]]:
        if self.tokenizer:
            return pretrained_chunks(text, self.tokenizer, self.length)
        return hashed_chunks(text, self.vocabulary, self.length)
