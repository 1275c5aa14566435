"""PKD: the teacher's features up to the scale and offset of each channel."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.objectives.precision import full_precision
from medkd.objectives.projected import ProjectedObjective

EPS = 1e-6
"""Added to the variance of a channel, so that a constant one has a bounded gradient."""


@full_precision
def pkd(student: Tensor, teacher: Tensor) -> Tensor:
    """Half the squared difference of two features, each channel first scaled to mean zero and variance one.

    Mean over entries. It equals one minus the mean over the channels of Pearson's correlation, where no channel is
    constant. A batch of one embedding has only constant channels, and gives zero.

    Args:
        student, teacher: "batch channel ..."; mean and variance of a channel are taken over all other axes; the teacher
            gets no gradient.

    Source: Cao et al. 2022, PKD, arXiv:2207.02039, eqs. 2-3.

    >>> import torch
    >>> x = torch.tensor([[0.0], [1.0], [5.0]])
    >>> bool(pkd(3 * x + 7, x) < 1e-6)
    True
    """
    return 0.5 * (_standardised(student) - _standardised(teacher.detach())).square().mean()


def _standardised(features: Tensor) -> Tensor:
    axes = [axis for axis in range(features.dim()) if axis != 1]
    centred = features - features.mean(axes, keepdim=True)
    return centred * (centred.square().mean(axes, keepdim=True) + EPS).rsqrt()


class PKD(ProjectedObjective):
    """Match the teacher's embedding up to scale and offset of each entry, after a learned projection of the student's.

    Entries that vary little in the teacher count as much as those that vary much, which a plain squared error forgets.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        hidden: width of the projection's hidden layer; 0 makes it linear.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``normalised_mse``, dimensionless, 0 to 2.

    Raises:
        InputError: an embedding is missing, or has another width.

    Source: Cao et al. 2022, PKD: General Distillation Framework via Pearson Correlation Coefficient, arXiv:2207.02039
    (there over maps).
    """

    method: ClassVar[str] = "PKD"
    source: ClassVar[str] = "Cao et al. 2022, arXiv:2207.02039"

    def compare(self, student: Tensor, teacher: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The term ``normalised_mse``."""
        return {"normalised_mse": pkd(student, teacher)}
