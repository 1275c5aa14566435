"""Channel grouping (FedMTFI): feature maps of several teachers, matched without a learned projection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError, nearest
from medkd.objectives.feature_maps import averaged_to, paired_maps
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def channel_grouping(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of two feature maps, the teacher's brought to the student's size and channels.

    The teacher gets no gradient.

    Args:
        student, teacher: "batch channel ..." with one to three axes of space or time.

    Source: Shadin et al., FedMTFI, arXiv:2606.01607, feature alignment.

    >>> channel_grouping(torch.ones(1, 2, 4), torch.ones(1, 6, 8))
    tensor(0.)
    """
    return (student - regrouped(teacher.detach(), student.shape[1], student.shape[2:])).square().mean()


def regrouped(teacher: Tensor, channels: int, size: torch.Size) -> Tensor:
    """A feature map pooled to ``size``, its channels averaged in consecutive groups, or repeated, to ``channels``.

    Groups are those of adaptive pooling: equal where the number divides, else overlapping by one channel (the release
    refuses then). Of the last copy only as many channels are kept as there is room for.

    >>> regrouped(torch.arange(4.0).reshape(1, 4, 1), 2, torch.Size([1])).flatten().tolist()
    [0.5, 2.5]
    >>> regrouped(torch.arange(2.0).reshape(1, 2, 1), 5, torch.Size([1])).flatten().tolist()
    [0.0, 1.0, 0.0, 1.0, 0.0]
    """
    teacher = averaged_to(teacher, size)
    have = teacher.shape[1]
    if have > channels:
        flat = functional.adaptive_avg_pool1d(teacher.flatten(2).transpose(1, 2), channels)
        return flat.transpose(1, 2).reshape(len(teacher), channels, *size)
    copies = [teacher] * (channels // have) + ([teacher[:, : channels % have]] if channels % have else [])
    return torch.cat(copies, dim=1)


class ChannelGrouping(Objective):
    """Match the feature maps of all teachers, whatever their channels.

    Σ_k w_k mean (s - t_k)² after averaging or repeating channels.

    Nothing is learned beside the student, so it suits teachers that come and go. Maps depend on where the signal is, so
    all run live.

    Args:
        stages: names of feature maps; empty means every one that student and teacher both have.
        weights: teacher → weight, scaled to sum to one; None weighs them alike, as the release does.

    Shapes: features "batch channel ...". Term: ``feature``, summed over stages, in the teachers' units, squared.

    Raises:
        InputError: a stage is missing, or a weight is negative or names no teacher.

    Source: Shadin et al., FedMTFI, arXiv:2606.01607 (the release matches the last map alone).
    """

    method: ClassVar[str] = "FedMTFI, feature alignment"
    source: ClassVar[str] = "Shadin et al. 2026, arXiv:2606.01607"
    needs_student: ClassVar[tuple[str, ...]] = ("features",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("features",)
    needs_alignment: ClassVar[bool] = True
    uses_all_teachers: ClassVar[bool] = True

    def __init__(self, stages: list[str] | None = None, weights: dict[str, float] | None = None) -> None:
        super().__init__()
        if weights is not None and (min(weights.values(), default=0) < 0 or not sum(weights.values()) > 0):
            raise InputError(
                f"weights are {weights}", where="ChannelGrouping", remedy="Give none below 0, and one above"
            )
        self.stages = stages or []
        self.weights = weights

    def terms_of_all(self, student: Fields, teachers: Mapping[str, Fields], batch: Batch) -> dict[str, Tensor]:
        """The term ``feature``."""
        weights = self.weights or dict.fromkeys(teachers, 1.0)
        for name in weights:
            if name not in teachers:
                raise InputError(
                    f"a weight is set for teacher '{name}'", where="ChannelGrouping", remedy=nearest(name, teachers)
                )
        total = sum(weights.values())
        terms = [
            weights.get(name, 0.0) / total * channel_grouping(s, t)
            for name, teacher in teachers.items()
            for s, t in paired_maps(student, teacher, self.stages, self)
        ]
        return {"feature": torch.stack(terms).sum()}
