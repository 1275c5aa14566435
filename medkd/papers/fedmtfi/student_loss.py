"""Training loss of FedMTFI's student: its teachers' mean, their features, and the labels."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from medkd.objectives.weighted_teachers import weighted_soft_labels
from medkd.papers.fedmtfi.teacher_losses import weighted_soft_labels_released


def student_loss(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    feature: Tensor,
    importance: Tensor | None = None,
    weights: tuple[float, float, float] = (0.7, 0.1, 0.3),
    temperature: float = 3.0,
) -> Tensor:
    """The weighted sum of soft labels, feature alignment and cross-entropy, a scalar in nats.

    Args:
        student: logits "batch class".
        teacher: the teachers' weighted mean logits, "batch class"; no gradient.
        labels: "batch" int64.
        feature: the feature term, a scalar.
        importance: "batch", of the samples in the soft part; None counts them alike.
        weights: of soft labels, features and labels.
        temperature: of the soft labels; the authors use 3 (MNIST) and 5 (CIFAR-10).

    Source: Shadin et al., FedMTFI, arXiv:2606.01607.
    """
    soft = weighted_soft_labels(student, teacher, temperature, importance)
    return weights[0] * soft + weights[1] * feature + weights[2] * functional.cross_entropy(student, labels)


def student_loss_released(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    feature: Tensor,
    importance: Tensor | None = None,
    weights: tuple[float, float, float] = (0.7, 0.1, 0.3),
    temperature: float = 3.0,
) -> Tensor:
    """The same with the importance as given, which shrinks the soft part by the batch size where it sums to one.

    Arguments as ``student_loss``.
    """
    if importance is None:
        return student_loss(student, teacher, labels, feature, None, weights, temperature)
    soft = weighted_soft_labels_released(student, teacher, temperature, importance)
    return weights[0] * soft + weights[1] * feature + weights[2] * functional.cross_entropy(student, labels)


def jittered_importance_released(normal: Tensor) -> Tensor:
    """What the release calls SHAP importance: 1 + 0.1 · noise, clipped to 0.1 … 2 and scaled to sum to one.

    No attribution is computed: it depends on neither model nor data. It is here to repeat the release's numbers, never
    to be used.

    Args:
        normal: a standard-normal draw, "batch".

    >>> import torch
    >>> jittered_importance_released(torch.zeros(4)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    raw = (1 + 0.1 * normal).clamp(0.1, 2.0)
    scaled = raw / (raw.mean() + 1e-8)
    return scaled / (scaled.sum() + 1e-8)


def _total_loss(
    inputs: Mapping[str, Tensor],
    lambda_kd: float = 0.7,
    lambda_feat: float = 0.1,
    lambda_ce: float = 0.3,
    T: float = 3.0,  # noqa: N803
) -> dict[str, Tensor]:
    loss = student_loss_released(
        inputs["student_logits"],
        inputs["aggregated_teacher_logits"],
        inputs["labels"],
        inputs["feat_loss"],
        inputs.get("importance_weights"),
        (lambda_kd, lambda_feat, lambda_ce),
        T,
    )
    return {"loss": loss}


def _importance_weights(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {"weights": jittered_importance_released(inputs["normal"])}


GOLDEN = {"fedmtfi/total_loss": _total_loss, "fedmtfi/importance_weights": _importance_weights}
