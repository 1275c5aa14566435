"""Region that the sensor reads: a padded square around a box."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def square_region(box: Tensor, width: int, height: int, padding: float = 0.1) -> Tensor:
    """The square around each box with a margin on all sides, cut at the image's borders.

    Cut, it may be no longer square.

    Args:
        box: "box 4": left, top, width and height, in pixels.
        width, height: of the image, in pixels.
        padding: margin as a share of the box's own width and height.

    Returns:
        "box 4" int64: left, top, right and bottom, in pixels, rounded towards zero.

    Source: PicoSAM3, arXiv:2603.11917.

    >>> square_region(torch.tensor([[10.0, 10.0, 20.0, 10.0]]), 100, 25, padding=0.0)
    tensor([[10,  5, 30, 25]])
    """
    corner, size = box[:, :2], box[:, 2:]
    corner = corner - size * padding
    size = size + 2 * size * padding
    side = size.amax(dim=1, keepdim=True)
    start = corner + size / 2 - side / 2
    end = torch.minimum(start + side, torch.tensor([width, height], dtype=box.dtype, device=box.device))
    return torch.cat([start.clamp(min=0), end], dim=1).trunc().long()


def _roi_box(inputs: Mapping[str, Tensor], img_width: int, img_height: int, padding: float) -> dict[str, Tensor]:
    return {"roi": square_region(inputs["bbox"], img_width, img_height, padding)}


GOLDEN = {"picosam3/roi_box": _roi_box}
