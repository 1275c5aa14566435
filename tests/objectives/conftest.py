"""Synthetic steps for objectives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Kind, Target

MakeBatch = Callable[..., Batch]
MakeOutput = Callable[..., Output]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_batch() -> MakeBatch:
    """``make_batch(kind, n, labelled_share)``: half or so of the samples labelled."""

    def make(kind: Kind = "multiclass", n: int = 8, labelled: float = 0.6) -> Batch:
        generator = torch.Generator().manual_seed(1)
        columns = ("a", "b", "c") if kind == "multilabel" else ("a",)
        classes = ("x", "y", "z") if kind == "multiclass" else columns
        target = Target("t", kind, columns, classes)
        known = torch.rand(n, len(columns), generator=generator) < labelled
        if labelled == 1:
            known[:] = True
        if kind == "multiclass":
            values = torch.randint(3, (n, 1), generator=generator).float()
        elif kind == "regression":
            values = torch.randn(n, 1, generator=generator)
        else:
            values = torch.randint(2, (n, len(columns)), generator=generator).float()
        names = [f"s{i}" for i in range(n)]
        return Batch({}, {}, torch.where(known, values, 0), known, target, names, names)

    return make


@pytest.fixture
def make_output() -> MakeOutput:
    """``make_output(batch, seed, dim)``: everything that a network may return, each part asking for its gradient."""

    def make(batch: Batch, seed: int = 0, dim: int = 6) -> Output:
        generator = torch.Generator().manual_seed(seed)
        n = len(batch)

        def draw(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator).requires_grad_()

        return Output(
            draw(n, batch.target.outputs),
            embedding=draw(n, dim),
            features={"stage1": draw(n, 4, 10), "stage2": draw(n, dim, 5)},
            tokens=draw(n, 3, dim),
            state=(draw(n, dim), draw(n, dim)),
        )

    return make
