"""Optimal transport (EVL-ECG): the cost of carrying the teacher's tokens to the student's, without pairing."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.networks.projector import Projector
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape
from medkd.objectives.precision import full_precision

PATIENCE = 10
"""Sweeps between two looks at the error, each of which waits for the device."""


@torch.compiler.disable  # type: ignore[untyped-decorator]
@torch.no_grad()
def potentials(cost: Tensor, eps: float, sweeps: int, tolerance: float) -> tuple[Tensor, Tensor]:
    """The potentials of entropic transport between equal masses: the plan is ``exp(f + g - cost / eps)``.

    Sinkhorn's sweeps in the log domain: they neither over- nor underflow. Every few sweeps a Newton step is tried and
    kept for the samples that it helps: where tokens form clusters far apart, sweeps alone take thousands. All samples
    are solved together.

    Args:
        cost: "batch row column".
        eps: strength of the blur, in units of the cost, above 0.
        sweeps: at most.
        tolerance: stop when every column's mass is right up to this share of it; the rows' are exact.

    Returns:
        f "batch row 1" and g "batch 1 column", dimensionless, without gradient.

    Source: Cuturi 2013, arXiv:1306.0895; in the log domain, Peyré and Cuturi 2019, arXiv:1803.00567, section 4.4.
    """
    kernel = -cost / eps
    f, g = _row_potential(kernel, torch.zeros_like(cost[:, :1])), torch.zeros_like(cost[:, :1])
    for sweep in range(sweeps):
        g = _column_potential(kernel, f)
        f = _row_potential(kernel, g)
        if sweep % PATIENCE == 0:
            g = _newton(kernel, f, g)
            f = _row_potential(kernel, g)
            if bool(_error(kernel, f, g).max() <= tolerance):
                break
    return f, g


def _row_potential(kernel: Tensor, g: Tensor) -> Tensor:
    return -torch.logsumexp(kernel + g, dim=2, keepdim=True) - math.log(kernel.shape[1])


def _column_potential(kernel: Tensor, f: Tensor) -> Tensor:
    return -torch.logsumexp(kernel + f, dim=1, keepdim=True) - math.log(kernel.shape[2])


def _error(kernel: Tensor, f: Tensor, g: Tensor) -> Tensor:
    """By what share a column's mass is wrong at most, "batch 1 1"."""
    return torch.expm1(g - _column_potential(kernel, f)).abs().amax(dim=2, keepdim=True)


def _newton(kernel: Tensor, f: Tensor, g: Tensor) -> Tensor:
    """Newton's step on the dual as a function of g alone, for the samples whose error it makes smaller."""
    rows, columns = kernel.shape[1:]
    plan = (f + kernel + g).exp()
    mass = plan.sum(dim=1)
    # A constant added to g changes nothing: the last term gives that direction a curvature.
    curvature = torch.diag_embed(mass) - rows * plan.mT @ plan + 1 / columns**2
    step, _ = torch.linalg.solve_ex(curvature, 1 / columns - mass)
    moved = g + step[:, None]
    helps = _error(kernel, _row_potential(kernel, moved), moved) < _error(kernel, f, g)
    return torch.where(helps, moved, g)


def _costs(rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distances "batch row column", by differences.

    Exactly zero where two tokens coincide, so their gradient is finite.
    """
    return torch.cdist(rows, columns, compute_mode="donot_use_mm_for_euclid_dist").square()


@full_precision
def transport_cost(
    student: Tensor, teacher: Tensor, eps: float, sweeps: int = 100, tolerance: float = 1e-3
) -> tuple[Tensor, Tensor]:
    """The cost of carrying the teacher's tokens to the student's: sum P C, C the squared distances, without entropy.

    P is the plan between equal masses that minimises ``sum P C + eps sum P (log P - 1)``. It is held fixed in the
    gradient, which is then that of the regularised cost.

    Args:
        student, teacher: "batch token dim", of equal width; counts may differ; the teacher gets no gradient.
        eps: strength of the blur, in units of the cost.
        sweeps, tolerance: as for ``potentials``.

    Returns:
        cost "batch", and plan "batch teacher_token student_token".

    Source: Nguyen et al. 2026, EVL-ECG, arXiv:2605.29977.

    >>> cost, plan = transport_cost(torch.tensor([[[0.0], [3.0]]]), torch.tensor([[[3.0], [0.0]]]), eps=0.1)
    >>> plan.round(decimals=3)
    tensor([[[0.0000, 0.5000],
             [0.5000, 0.0000]]])
    """
    costs = _costs(teacher.detach(), student)
    f, g = potentials(costs, eps, sweeps, tolerance)
    plan = (f + g - costs.detach() / eps).exp()
    return (plan * costs).sum(dim=(1, 2)), plan


@full_precision
def sinkhorn_divergence(
    student: Tensor, teacher: Tensor, eps: float, sweeps: int = 100, tolerance: float = 1e-3
) -> Tensor:
    """The regularised cost between two sets of tokens less half of each set's own.

    Zero where both are equal, above zero elsewhere.

    The regularised cost is ``sum P C + eps KL(P, product of the masses)``, computed by its dual, whose error is the
    square of the plan's.

    Args:
        student, teacher: "batch token dim", of equal width; counts may differ; the teacher gets no gradient.
        eps: strength of the blur, in units of the cost.
        sweeps, tolerance: as for ``potentials``.

    Returns:
        "batch".

    Source: Feydy et al. 2019, arXiv:1810.08278, eq. 3 and theorem 1.

    >>> x = torch.rand(1, 5, 2)
    >>> bool(sinkhorn_divergence(x[:, torch.randperm(5)], x, 0.1).abs() < 1e-5)
    True
    """
    t = teacher.detach()
    return _regularised(t, student, eps, sweeps, tolerance) - 0.5 * (
        _regularised(student, student, eps, sweeps, tolerance) + _regularised(t, t, eps, sweeps, tolerance)
    )


def _regularised(rows: Tensor, columns: Tensor, eps: float, sweeps: int, tolerance: float) -> Tensor:
    """The regularised cost; its gradient to the costs is the plan."""
    costs = _costs(rows, columns)
    f, g = potentials(costs, eps, sweeps, tolerance)
    plan = (f + g - costs.detach() / eps).exp()
    value = f.mean(dim=(1, 2)) + g.mean(dim=(1, 2)) + math.log(costs[0].numel())
    moved = (plan * (costs - costs.detach())).sum(dim=(1, 2))
    cost: Tensor = eps * value + moved
    return cost


class OptimalTransport(Objective):
    """Carry the teacher's tokens to the student's at the least cost, after a learned projection of the student's.

    A flaw of the published cost: the blur pulls each token towards several, so that it is not smallest at student =
    teacher, and for a strong blur smallest where all the student's tokens sit at the teacher's mean. ``debiased`` takes
    the student's own blur away.

    Args:
        student_dim, teacher_dim: widths of the tokens.
        eps: strength of the blur, in units of the mean squared difference an entry (costs are divided by the width).
        sweeps: of Sinkhorn's algorithm, at most.
        debiased: the Sinkhorn divergence; else the published cost.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: tokens "batch token dim"; counts may differ. Term: ``ot``, mean over the batch, in the teacher's units,
    squared.

    Raises:
        InputError: tokens are missing or have another width, or ``eps`` or ``sweeps`` is not above zero.

    Source: Nguyen et al. 2026, EVL-ECG, arXiv:2605.29977 (no release); Feydy et al. 2019, arXiv:1810.08278.
    """

    method: ClassVar[str] = "EVL-ECG, optimal transport"
    source: ClassVar[str] = "Nguyen et al. 2026, arXiv:2605.29977; Feydy et al. 2019, arXiv:1810.08278"
    needs_student: ClassVar[tuple[str, ...]] = ("tokens",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("tokens",)

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        eps: float = 0.1,
        sweeps: int = 100,
        debiased: bool = True,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not eps > 0 or sweeps < 1:
            raise InputError(
                f"eps is {eps}, sweeps is {sweeps}",
                where="OptimalTransport",
                remedy="Give both above 0, e.g. 0.1 and 100",
            )
        self.projector = Projector(student_dim, teacher_dim)
        self.eps, self.sweeps, self.debiased = eps, sweeps, debiased

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``ot``."""
        s = student.tokens
        return {"ot": self._cost(s, teacher.tokens)}

    @full_precision
    def _cost(self, student: Tensor, teacher: Tensor) -> Tensor:
        projected = self.projector(student)
        check_same_shape(projected[0, 0], teacher[0, 0], "token", self)
        scale = projected.shape[-1] ** -0.5
        s, t = scale * projected, scale * teacher
        if self.debiased:
            return sinkhorn_divergence(s, t, self.eps, self.sweeps).mean()
        return transport_cost(s, t, self.eps, self.sweeps)[0].mean()
