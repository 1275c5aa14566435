"""CoRe-KD's training loss: labels, soft labels, the fused state and the states of missing modalities."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from medkd.objectives.soft_labels import soft_labels
from medkd.objectives.state_anchoring import Gaussian, gaussian_distance, missing_distance


def _csa_loss(
    inputs: Mapping[str, Tensor], temperature: float, lambda_kd: float, lambda_state: float, lambda_mstate: float
) -> dict[str, Tensor]:
    def state(name: str) -> Gaussian:
        return inputs[f"{name}_mu"], inputs[f"{name}_sigma"]

    kd = soft_labels(inputs["student_logits"], inputs["teacher_logits"], temperature)
    pred = functional.cross_entropy(inputs["student_logits"], inputs["labels"]) + lambda_kd * kd
    fused = gaussian_distance(*state("student"), *state("teacher")).mean()
    mstate = missing_distance(*state("pred"), *state("teacher_mod"), inputs["missing"].T).mean()
    return {
        "loss": pred + lambda_state * fused + lambda_mstate * mstate,
        "l_pred": pred,
        "l_state": fused,
        "l_mstate": mstate,
    }


GOLDEN = {"core_kd/csa_loss_paper": _csa_loss}
