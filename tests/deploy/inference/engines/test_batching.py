"""A batch that does not fit is halved, and an item's score does not depend on how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from medkd.data.core.target import Target
from medkd.deploy.inference.engines.batching import BatchScorer, PreparedItem
from medkd.deploy.inference.plan import Plan
from medkd.deploy.inference.quarantine import Attempt

NAMES = ("a", "b", "c", "d", "e")


@dataclass
class Stub:
    """Scores each item by its own value, as long as a pass has at most ``room`` rows and no item above ``weight``.

    In place of a bundle on a device of that much memory.
    """

    room: int = 100
    weight: float = 1.0
    error: Exception = field(default_factory=lambda: torch.OutOfMemoryError("CUDA out of memory"))
    target: Target = field(default_factory=lambda: Target("cd", "binary", ("cd",)))
    passes: list[tuple[int, int | None]] = field(default_factory=list)

    def probabilities(self, prepared: Sequence[Any], rows: int | None) -> tuple[np.ndarray, np.ndarray]:
        self.passes.append((len(prepared), rows))
        values = np.array([[np.nan if item is None else float(item["ecg"])] for item in prepared])
        if (rows or 0) > self.room or np.nanmax(values, initial=0.0) > self.weight:
            raise self.error
        return values, values / 2

    def sets(self, calibrated: np.ndarray) -> list[str | None]:
        return [None if np.isnan(row).any() else f"{row[0]:.2f}" for row in calibrated]


def scorer(batch_size: int = 8) -> BatchScorer:
    return BatchScorer(Plan(bundle_sha256="", items_sha256="", items=5, batch_size=batch_size, device="cpu"))


def attempts(*values: float | str) -> list[Attempt[PreparedItem]]:
    """Items of that value; of a word the reason why there is none."""
    return [
        Attempt(None, value, 0.5) if isinstance(value, str) else Attempt(PreparedItem({"ecg": value}, 2 * value))  # type: ignore[dict-item]
        for value in values
    ]


def score(scorer: BatchScorer, stub: Stub, *values: float | str) -> list[Any]:
    return scorer.score(stub, NAMES[: len(values)], attempts(*values))  # type: ignore[arg-type]


@pytest.mark.parametrize("room", [100, 4, 2, 1])
def test_scores_are_the_same_however_little_room_there_is(room: int) -> None:
    values = (0.1, 0.2, 0.3, 0.4, 0.5)
    results = score(scorer(), Stub(room), *values)
    assert [result.raw for result in results] == [[value] for value in values]
    assert [result.calibrated for result in results] == [[value / 2] for value in values]
    assert [result.conformal_set for result in results] == ["0.05", "0.10", "0.15", "0.20", "0.25"]
    assert [result.drift for result in results] == [2 * value for value in values]
    assert {result.reason for result in results} == {None}


def test_a_batch_once_halved_stays_so_and_every_pass_is_full() -> None:
    scoring, stub = scorer(8), Stub(room=3)
    score(scoring, stub, 0.1, 0.2, 0.3, 0.4, 0.5)
    assert stub.passes == [(5, 8), (4, 4), (2, 2), (2, 2), (1, 2)]
    stub.passes.clear()
    score(scoring, stub, 0.1, 0.2, 0.3)
    assert stub.passes == [(2, 2), (1, 2)], "memory that ran out once is not tried again"
    assert scoring.plan.batch_size == 8, "what was asked for stays on record"


def test_one_item_too_large_is_set_aside_and_its_neighbours_are_scored() -> None:
    results = score(scorer(), Stub(), 0.1, 7.0, 0.3)
    assert [result.reason for result in results] == [None, "does not fit into memory, even alone.", None]
    assert [results[0].raw, results[2].raw] == [[0.1], [0.3]]
    assert results[1].conformal_set is None


def test_an_item_that_could_not_be_read_keeps_its_place_and_its_reason() -> None:
    results = score(scorer(), Stub(), 0.1, "lead I is flat.", 0.3)
    assert [(result.sample_id, result.reason) for result in results] == [
        ("a", None),
        ("b", "lead I is flat."),
        ("c", None),
    ]
    assert results[2].raw == [0.3]
    assert results[1].drift is None
    assert results[1].seconds >= 0.5
    assert score(scorer(), Stub(), float("nan"))[0].reason == "the network gave a value that is not finite."


@pytest.mark.parametrize(
    ("error", "halves"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("[ONNXRuntimeError] Failed to allocate memory for requested buffer"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_only_want_of_memory_is_taken_for_it(error: Exception, halves: bool) -> None:
    scoring, stub = scorer(4), Stub(room=2, error=error)
    if halves:
        assert [result.reason for result in score(scoring, stub, 0.1, 0.2)] == [None, None]
        assert scoring.batch_size == 2
        return
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        score(scoring, stub, 0.1, 0.2)
    assert len(stub.passes) == 1
