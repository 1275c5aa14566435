"""GlucoNet's distillation loss as released: the teacher's forecasts divided by a temperature."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medkd.objectives.value_matching import value_matching


def value_matching_released(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Mean squared difference to the teacher's values over a temperature: at 2 the student is pulled to half of each.

    Args:
        student, teacher: forecasts of one shape, in the target's units; the teacher gets no gradient.
        temperature: above 0; 1 leaves the teacher's values as they are, 2 is the release's.

    Source: Farahmand et al. 2024, GlucoNet, arXiv:2411.10703, as released.

    >>> import torch
    >>> value_matching_released(torch.tensor([60.0]), torch.tensor([120.0]), 2.0)
    tensor(0.)
    """
    return value_matching(student, teacher / temperature)


def _distillation_loss(inputs: Mapping[str, Tensor], alpha: float = 0.5, temperature: float = 2.0) -> dict[str, Tensor]:
    student = inputs["student"]
    soft = value_matching_released(student, inputs["teacher"], temperature)
    return {"loss": alpha * value_matching(student, inputs["labels"]) + (1 - alpha) * soft}


GOLDEN = {"gluconet/distillation_loss": _distillation_loss}
