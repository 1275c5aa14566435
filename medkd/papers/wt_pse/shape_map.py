"""Shape map with its uncertainty: how it is drawn, and how it steers the segmentation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

INSIDE = 0.75
"""Attention above which a pixel belongs to the shape."""


def draw_shape(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """A draw from the Gaussian of a shape map: mean + deviation · noise, with the gradient to both.

    Shapes: all "batch 1 ..."; noise is standard normal. Source: Kingma and Welling 2014, arXiv:1312.6114.

    >>> draw_shape(torch.ones(1), torch.zeros(1), torch.tensor([0.5]))
    tensor([1.5000])
    """
    return mean + (0.5 * log_variance).exp() * noise


def draw_shape_as_released(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """The same as the authors' image-only network does it: twice over, so that the result is not from that Gaussian.

    A draw without gradient takes the place of the noise: mean + deviation · (mean + deviation · noise), whose mean and
    variance are both wrong. Their mask-conditioned network draws rightly.
    """
    drawn = draw_shape(mean, log_variance, noise).detach()
    return draw_shape(mean, log_variance, drawn)


def shape_attention(shape: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """How far each pixel "batch 1 ..." belongs to the shape, 0 to 1; weight and bias are scalars."""
    return torch.sigmoid(weight * shape + bias)


def fuse_shape(embedding: Tensor, attention: Tensor, coefficient: float = 0.3) -> Tensor:
    """The embedding "batch dim ...", more of it where the shape is: (coefficient + attention) · embedding.

    >>> fuse_shape(torch.ones(1, 2, 1), torch.tensor([[[0.5]]]))
    tensor([[[0.8000],
             [0.8000]]])
    """
    return coefficient * embedding + attention * embedding


def _reparameterize(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    parts = (inputs["mu"], inputs["logvar"], inputs["noise"])
    student = draw_shape_as_released(*parts)
    return {"loss": (student * inputs["cotangent"]).sum(), "z_student": student, "z_teacher": draw_shape(*parts)}


def _shape_fusion(inputs: Mapping[str, Tensor], coefficient: float) -> dict[str, Tensor]:
    attention = shape_attention(inputs["shape"], inputs["weight"], inputs["bias"])
    fused = fuse_shape(inputs["embedding"], attention, coefficient)
    mask = (attention > INSIDE).to(attention.dtype)
    return {"loss": (fused * inputs["cotangent"]).sum(), "fused": fused, "mask": mask}


GOLDEN = {"wt_pse/reparameterize": _reparameterize, "wt_pse/shape_fusion": _shape_fusion}
