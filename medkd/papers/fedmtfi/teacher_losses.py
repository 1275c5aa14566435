"""FedMTFI's losses from several teachers: weighted logits, weighted samples and feature maps."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from medkd.objectives.channel_grouping import channel_grouping
from medkd.objectives.weighted_teachers import confidence_weights, sample_divergence, weighted_logits


def weighted_soft_labels_released(student: Tensor, teacher: Tensor, temperature: float, importance: Tensor) -> Tensor:
    """T² · mean over samples of importance · KL(softmax(t/T) ‖ softmax(s/T)), the importance as given, in nats.

    The release feeds weights that sum to one and then takes the mean, which shrinks the term by the batch size.

    Args:
        student, teacher: logits "batch class"; the teacher gets no gradient.
        temperature: T > 0, dimensionless.
        importance: "batch", not negative.

    Source: Shadin et al. 2026, FedMTFI, arXiv:2606.01607, as released.

    >>> weighted_soft_labels_released(torch.eye(2), torch.eye(2), 3.0, torch.ones(2)).item()
    0.0
    """
    return (importance.detach() * sample_divergence(student, teacher, temperature)).mean()


def _confidence_weights(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = confidence_weights(inputs["teacher_logits"])
    return {"weights": weights, "aggregated": weighted_logits(weights, inputs["teacher_logits"])}


def _importance_weighted_kd(inputs: Mapping[str, Tensor], T: float = 3.0) -> dict[str, Tensor]:  # noqa: N803
    logits = (inputs["student_logits"], inputs["teacher_logits"])
    return {"loss": weighted_soft_labels_released(*logits, T, inputs["importance_weights"])}


def _feature_alignment(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    terms = [
        weight * channel_grouping(inputs["student"], inputs[f"t{k}"]) for k, weight in enumerate(inputs["weights"])
    ]
    return {"loss": torch.stack(terms).sum()}


GOLDEN = {
    "fedmtfi/confidence_weights": _confidence_weights,
    "fedmtfi/importance_weighted_kd": _importance_weighted_kd,
    "fedmtfi/feature_alignment": _feature_alignment,
}
