"""Job of an engine: a run as each of its workers sees it, and the summary of a chunk that comes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.chunks import Chunk
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.settings import PredictSettings
from medkd.errors import InputError


@dataclass(frozen=True)
class Job:
    """One run, as every engine and each of its workers sees it.

    Args:
        bundle: the bundle's folder.
        plan, items: of the run; each item has files of its own.
        out: the run's folder, where chunks go.
        settings: of the run.
        passes: of the network, run at once on a CPU.
    """

    bundle: Path
    plan: Plan
    items: Items
    out: Path
    settings: PredictSettings
    passes: int = 1

    def load(self, device: str) -> Bundle:
        """The bundle on ``device``.

        Raises:
            InputError: it cannot be loaded, or is not the one that the run began with.
        """
        bundle = Bundle.load(
            self.bundle, self.settings.trust, runtime=self.plan.runtime, key=self.settings.require_signed
        )
        if bundle.bundle_sha256 != self.plan.bundle_sha256:
            raise InputError(
                "it is not the bundle that the run began with",
                where=self.bundle,
                remedy="Give every machine the same one",
            )
        return bundle.to(device)


@dataclass(frozen=True)
class ChunkSummary:
    """A chunk that was written.

    Args:
        index: of the chunk.
        items: how many it has.
        quarantined: names of those that were quarantined.
        batch_size: rows per pass at its end.
    """

    index: int
    items: int
    quarantined: tuple[str, ...]
    batch_size: int

    @classmethod
    def of_chunk(cls, chunk: Chunk) -> ChunkSummary:
        """Without the scores."""
        names = tuple(result.sample_id for result in chunk.results if result.reason is not None)
        return cls(chunk.index, len(chunk.results), names, chunk.batch_size)
