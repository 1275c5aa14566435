"""One batch through the network, within the memory that there is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.preprocessing import Prepared
from medkd.deploy.inference.chunks import Scored
from medkd.deploy.inference.engines.determinism import rounded
from medkd.deploy.inference.job import Job
from medkd.deploy.inference.quarantine import Attempt, Quarantined


@dataclass(frozen=True)
class Ready:
    """An item that was read and prepared.

    Args:
        prepared: what the network sees.
        drift: how far it lies from the training samples, if the bundle can tell.
    """

    prepared: Prepared
    drift: float | None


class Passes:
    """Passes of the network; where memory runs out the batch is halved for all that follow.

    Args:
        job: of the run.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.size = job.plan.batch_size

    def score(self, bundle: Bundle, names: Sequence[str], attempts: Sequence[Attempt[Ready]]) -> list[Scored]:
        """What came of one batch; an item that was set aside leaves its place empty.

        Args:
            bundle: on the device that is to compute.
            names, attempts: of its items.
        """
        start = time.perf_counter()
        prepared = [made.value.prepared if isinstance(made.value, Ready) else None for made in attempts]
        raw, calibrated, too_big = self.probabilities(bundle, prepared)
        aside: dict[int, Quarantined] = {}
        for place, made in enumerate(attempts):
            if isinstance(made.value, Quarantined):
                aside[place] = made.value
            elif place in too_big:
                aside[place] = Quarantined("does not fit into memory, even alone.")
            elif not np.isfinite(raw[place]).all():
                aside[place] = Quarantined("the network gave a value that is not finite.")
        sets = bundle.sets(calibrated)
        share = (time.perf_counter() - start) / len(names)
        return [
            Scored(
                name,
                raw[place].tolist(),
                calibrated[place].tolist(),
                made.seconds + share,
                aside.get(place),
                sets[place],
                made.value.drift if isinstance(made.value, Ready) else None,
            )
            for place, (name, made) in enumerate(zip(names, attempts, strict=True))
        ]

    def probabilities(
        self, bundle: Bundle, prepared: Sequence[Prepared | None]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], set[int]]:
        """Raw and calibrated probabilities, both "sample output".

        And the places of samples that do not fit into memory even alone.
        """
        while True:
            size = self.size
            parts, too_big = [], set()
            try:
                for start in range(0, len(prepared), size):
                    try:
                        with rounded(self.job.plan.precision, self.job.plan.device):
                            parts.append(bundle.probabilities(prepared[start : start + size], rows=size))
                    except (RuntimeError, MemoryError) as error:
                        if size > 1 or not _is_out_of_memory(error):
                            raise
                        too_big.add(start)
                        parts.append((np.full((1, bundle.target.outputs), np.nan),) * 2)
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error):
                    raise
            else:
                return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]), too_big
            # Outside the handler: its traceback keeps the failed pass's tensors alive.
            self.size = min(self.size, max(1, size // 2))
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _is_out_of_memory(error: BaseException) -> bool:
    """CUDA has a class for it, the CPU's allocators only a message."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        word in str(error) for word in ("allocate memory", "Failed to allocate")
    )
