"""Batches through the network, halved where they do not fit into memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.preprocessing import Prepared
from medkd.deploy.inference.engines.determinism import reduced_precision
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.predictions import ItemResult
from medkd.deploy.inference.quarantine import Attempt


@dataclass(frozen=True)
class PreparedItem:
    """An item that was read and prepared.

    Args:
        prepared: the network's input.
        drift: its distance from the training samples; None without a reference.
    """

    prepared: Prepared
    drift: float | None


class BatchScorer:
    """Scores batches; where memory runs out the batch is halved for all that follow.

    Args:
        plan: of the run: batch size, precision, device.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.batch_size = plan.batch_size

    def score(
        self, bundle: Bundle, names: Sequence[str], attempts: Sequence[Attempt[PreparedItem]]
    ) -> list[ItemResult]:
        """Results of one batch; a quarantined item leaves its place empty.

        Args:
            bundle: on the device that is to compute.
            names, attempts: one per item.
        """
        start = time.perf_counter()
        prepared = [None if made.value is None else made.value.prepared for made in attempts]
        raw, calibrated, too_big = self.probabilities(bundle, prepared)
        sets = bundle.sets(calibrated)
        share = (time.perf_counter() - start) / len(names)
        return [
            ItemResult(
                name,
                raw[index].tolist(),
                calibrated[index].tolist(),
                made.seconds + share,
                _reason(made, index in too_big, raw[index]),
                sets[index],
                None if made.value is None else made.value.drift,
            )
            for index, (name, made) in enumerate(zip(names, attempts, strict=True))
        ]

    def probabilities(
        self, bundle: Bundle, prepared: Sequence[Prepared | None]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], set[int]]:
        """Raw and calibrated probabilities, both "sample output".

        And the indices of samples that do not fit into memory even alone.
        """
        while True:
            size = self.batch_size
            parts, too_big = [], set()
            try:
                for start in range(0, len(prepared), size):
                    try:
                        with reduced_precision(self.plan.precision, self.plan.device):
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
            self.batch_size = min(self.batch_size, max(1, size // 2))
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _reason(made: Attempt[PreparedItem], is_too_big: bool, raw: NDArray[np.float64]) -> str | None:
    """Why an item is quarantined; None where it was scored."""
    if made.reason is not None:
        return made.reason
    if is_too_big:
        return "does not fit into memory, even alone."
    return None if np.isfinite(raw).all() else "the network gave a value that is not finite."


def _is_out_of_memory(error: BaseException) -> bool:
    """CUDA has a class for it, the CPU's allocators only a message."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        word in str(error) for word in ("allocate memory", "Failed to allocate")
    )
