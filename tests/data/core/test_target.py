"""A target: its logits, its names, and what is reported of a logit."""

from __future__ import annotations

import json

import pytest
import torch

from medkd.data.core.target import Target

BINARY = Target("cd", "binary", ("cd",), ("conduction disturbance",), prediction_hour=24.0)
STAGE = Target("stage", "multiclass", ("stage",), ("wake", "light", "deep"))
TWO = Target("two", "multilabel", ("cd", "mi"))
AGE = Target("age", "regression", ("age",), units="years")


@pytest.mark.parametrize(
    ("target", "outputs", "names"),
    [
        (BINARY, 1, ("conduction disturbance",)),
        (STAGE, 3, ("wake", "light", "deep")),
        (TWO, 2, ("cd", "mi")),
        (AGE, 1, ("age",)),
    ],
)
def test_there_is_a_name_for_each_logit(target: Target, outputs: int, names: tuple[str, ...]) -> None:
    assert target.outputs == outputs
    assert target.names == names
    assert target.is_categorical == (target is STAGE)


@pytest.mark.parametrize("target", [BINARY, STAGE, TWO, AGE])
def test_it_survives_json(target: Target) -> None:
    assert Target.from_dict(json.loads(json.dumps(target.to_dict()))) == target


def test_logits_become_probabilities_or_stay_values() -> None:
    logits = torch.tensor([[0.0, 2.0, -1.0]])
    assert STAGE.probabilities(logits).sum().item() == pytest.approx(1.0)
    torch.testing.assert_close(TWO.probabilities(logits[:, :2]), torch.sigmoid(logits[:, :2]))
    assert AGE.probabilities(logits[:, :1]).equal(logits[:, :1])
