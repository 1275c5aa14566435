"""OC-Distill's training losses as released: soft labels without T², and the ontology-weighted NT-Xent."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from medkd.objectives.clamped_soft_labels import clamped_soft_labels
from medkd.objectives.ontology_contrastive import ontology_nt_xent
from medkd.objectives.soft_labels import soft_labels


def clamped_soft_labels_released(
    student: Tensor, teacher: Tensor, temperature: float = 1.0, floor: float = 1e-4
) -> Tensor:
    """The release's form, without T²: the term fades by T² when T is raised.

    Arguments as ``medkd.objectives.clamped_soft_labels.clamped_soft_labels``.
    """
    return clamped_soft_labels(student, teacher, temperature, floor) / temperature**2


def _distill_binary(inputs: Mapping[str, Tensor], T: float = 1.0, **weights: float) -> dict[str, Tensor]:  # noqa: N803
    hard = functional.binary_cross_entropy_with_logits(inputs["z_s"], inputs["y"], pos_weight=inputs["pos_weight"])
    distill = clamped_soft_labels_released(inputs["z_s"], inputs["z_t"], T)
    return {"loss": hard + weights.get("lambda", 2.0) * distill, "hard": hard, "distill": distill}


def _distill_multiclass(inputs: Mapping[str, Tensor], T: float = 1.0, **weights: float) -> dict[str, Tensor]:  # noqa: N803
    hard = functional.cross_entropy(inputs["z_s"], inputs["y"])
    distill = soft_labels(inputs["z_s"], inputs["z_t"], T, t_squared=False)
    return {"loss": hard + weights.get("lambda", 2.0) * distill, "hard": hard, "distill": distill}


def _ow_nt_xent(
    inputs: Mapping[str, Tensor], tau: float = 1.0, gamma: float = 5.0, use_sim: int = 1
) -> dict[str, Tensor]:
    similarity = inputs["sim"] if use_sim else None
    return {"loss": ontology_nt_xent(inputs["z1"], inputs["z2"], similarity, tau, gamma, eps=1e-12)}


GOLDEN = {
    "oc_distill/distill_binary": _distill_binary,
    "oc_distill/distill_multiclass": _distill_multiclass,
    "oc_distill/ow_nt_xent": _ow_nt_xent,
}
