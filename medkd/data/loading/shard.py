"""Shard: the subjects that one of several machines prepares."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Shard:
    """The subjects whose hash falls to part ``part`` of ``parts``: a subject's samples are never in two.

    Args:
        part: counted from 1.
        parts: number of all.
    """

    part: int
    parts: int

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    @property
    def folder(self) -> str:
        """Name of its build folder.

        >>> Shard(2, 3).folder
        '2of3'
        """
        return f"{self.part}of{self.parts}"

    def holds(self, subject: str) -> bool:
        """Whether a subject falls to this part; the same on every machine.

        >>> [part for part in (1, 2, 3) if Shard(part, 3).holds("p-17")]
        [3]
        """
        digest = hashlib.sha256(subject.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.parts == self.part - 1

    def of(self, samples: pl.DataFrame) -> pl.DataFrame:
        """The samples of its subjects, in their order."""
        subjects = [subject for subject in samples["subject_id"].unique() if self.holds(str(subject))]
        return samples.filter(pl.col("subject_id").is_in(subjects))
