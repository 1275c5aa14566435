"""What a worker needs to know to compute chunks of a run, wherever it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.manifest import Items
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.quarantine import RETRIES
from medkd.errors import InputError


@dataclass(frozen=True)
class Job:
    """One run, as every engine and each of its workers sees it.

    Args:
        bundle: the bundle's folder.
        plan, items: of the run; each item has a file of its own.
        out: the run's folder, where chunks go.
        trust: packages beside medkd whose classes the bundle may name.
        key: public key that must have signed the bundle.
        workers: threads that read and prepare or, under Ray, actors; None for as many as suit the machine.
        retries: how often a record is tried again that disk or network refused for the moment.
        passes: of the network, run at once on a CPU.
    """

    bundle: Path
    plan: Plan
    items: Items
    out: Path
    trust: tuple[str, ...] = ()
    key: Path | None = None
    workers: int | None = None
    retries: int = RETRIES
    passes: int = 1

    def load(self, device: str) -> Bundle:
        """The bundle on ``device``.

        Raises:
            InputError: it cannot be loaded, or is not the one that the run began with.
        """
        bundle = Bundle.load(self.bundle, self.trust, runtime=self.plan.runtime, key=self.key)
        if bundle.bundle_sha256 != self.plan.bundle_sha256:
            raise InputError(
                "it is not the bundle that the run began with",
                where=self.bundle,
                remedy="Give every machine the same one",
            )
        return bundle.to(device)


@dataclass(frozen=True)
class Finished:
    """A chunk that was written.

    Args:
        index: of the chunk.
        items: how many it has.
        aside: names of those that were set aside.
        batch_size: rows a pass at its end.
        retries: how often records of it were tried again.
    """

    index: int
    items: int
    aside: tuple[str, ...]
    batch_size: int
    retries: int
