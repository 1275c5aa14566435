"""Feature maps of two networks: paired by stage, and averaged to one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from medkd.errors import InputError
from medkd.objectives.output_fields import Fields

_POOL: dict[int, Callable[[Tensor, Any], Tensor]] = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}


def paired_maps(
    student: Fields, teacher: Fields, stages: Sequence[str], objective: object
) -> list[tuple[Tensor, Tensor]]:
    """The feature maps of both at ``stages``, or where none is named at every stage that both have.

    Raises:
        InputError: one has no feature map at a stage that was named, or no stage is common to both.
    """
    common = stages or [stage for stage in student.features if stage in teacher.features]
    if not common:
        raise InputError(
            "the features of student and teacher have no stage in common",
            where=type(objective).__name__,
            remedy=f"student: {', '.join(student.features)}; teacher: {', '.join(teacher.features)}",
        )
    return list(zip(student.maps(common), teacher.maps(common), strict=True))


def averaged_to(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Feature maps averaged to another size; those that have it already are returned as they are.

    Args:
        maps: "batch channel ..." with one to three axes of space or time.
        size: of these axes.

    >>> import torch
    >>> averaged_to(torch.arange(4.0).reshape(1, 1, 4), [2])
    tensor([[[0.5000, 2.5000]]])
    """
    return maps if list(maps.shape[2:]) == list(size) else _POOL[maps.dim() - 2](maps, tuple(size))
