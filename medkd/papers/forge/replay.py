"""FORGE's replay loss: labels, logits, embeddings and relations of an earlier model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from medkd.objectives.embedding_mse import embedding_mse
from medkd.objectives.replay import replay_distances


def _replay_loss(
    inputs: Mapping[str, Tensor], alpha: float, beta: float, gamma_g: float, gamma_r: float
) -> dict[str, Tensor]:
    student, embedding = inputs["logits_s"], inputs["g_s"]
    relation = replay_distances(embedding, inputs["g_t"], eps=1e-12) if gamma_r > 0 else embedding.new_zeros(())
    matched = beta * embedding_mse(student, inputs["logits_t"]) + gamma_g * embedding_mse(embedding, inputs["g_t"])
    return {
        "loss": alpha * functional.cross_entropy(student, inputs["y"]) + matched + gamma_r * relation,
        "relational": relation,
    }


GOLDEN = {"forge/replay_loss": _replay_loss}
