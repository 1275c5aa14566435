"""Confidence of a teacher at each token, and the probability that it gives to the one that was taken."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor


def token_confidence(teacher: Tensor, taken: Tensor) -> tuple[Tensor, Tensor]:
    """The entropy of the teacher's distribution over ln(classes), 0 to 1, and the probability of the token taken.

    Args:
        teacher: logits "position class", at least two classes.
        taken: "position" int64.

    Shapes: both "position". Source: Xu et al. 2026, TIP, arXiv:2604.14084, diagnostics of the release.

    >>> import torch
    >>> [x.tolist() for x in token_confidence(torch.zeros(1, 4), torch.tensor([2]))]
    [[1.0], [0.25]]
    """
    log_p = teacher.log_softmax(dim=1)
    entropy = -(log_p.exp() * log_p).sum(dim=1) / math.log(teacher.shape[1])
    return entropy, log_p.gather(1, taken[:, None])[:, 0].exp()


def _teacher_token_stats(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    entropy, probability = token_confidence(inputs["teacher_logits"], inputs["target_ids"])
    return {"teacher_norm_entropy": entropy, "teacher_token_prob": probability}


GOLDEN = {"tip/teacher_token_stats": _teacher_token_stats}
