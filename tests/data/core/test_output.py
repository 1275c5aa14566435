"""An output: rows and devices reach every part, and missing parts stay missing."""

from __future__ import annotations

import torch

from medkd.data.core.output import Output


def whole() -> Output:
    rows = torch.arange(4.0)[:, None]
    return Output(
        logits=rows,
        embedding=rows + 10,
        features={"stage1": rows[:, :, None] + 20},
        tokens=rows[:, None] + 30,
        state=(rows + 40, rows + 50),
    )


def test_rows_are_taken_from_every_part() -> None:
    for index in (torch.tensor([3, 1]), torch.tensor([False, True, False, True])):
        part, expected = whole().rows(index), torch.arange(4.0)[index]
        assert part.embedding is not None
        assert part.tokens is not None
        assert part.state is not None
        for values, start in (
            (part.logits, 0),
            (part.embedding, 10),
            (part.features["stage1"], 20),
            (part.tokens, 30),
            (part.state[0], 40),
            (part.state[1], 50),
        ):
            assert values.flatten().equal(expected + start)


def test_missing_parts_stay_missing() -> None:
    for output in (Output(torch.zeros(2, 1)).rows(torch.tensor([0])), Output(torch.zeros(2, 1)).to("meta")):
        assert output.embedding is output.tokens is output.state is None
        assert output.features == {}


def test_every_part_moves() -> None:
    moved = whole().to("meta")
    assert moved.state is not None
    parts = [moved.logits, moved.embedding, moved.tokens, *moved.features.values(), *moved.state]
    assert {part.device.type for part in parts if part is not None} == {"meta"}
