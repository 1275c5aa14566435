"""Training loss of the shape network that sees the image alone: the mean map of the one that saw the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from medkd.objectives.precision import full_precision
from medkd.objectives.whitening import whitening


class ShapeTerms(NamedTuple):
    """The parts of the loss, scalars; their sum is it."""

    kd: Tensor
    correlation: Tensor
    variance: Tensor
    domain: Tensor


@full_precision
def shape_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared difference of two mean maps "batch 1 ...", mean over entries; the teacher gets no gradient.

    The squared 2-Wasserstein distance of two Gaussians without its variance part, as released; with it,
    ``StateAnchoring``.

    >>> shape_distance(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    tensor(1.)
    """
    return (student - teacher.detach()).square().mean()


def student_shape(maps: Sequence[Tensor], student: Tensor, teacher: Tensor, site: Tensor) -> ShapeTerms:
    """Shape distance, and the whitening terms as means over the maps.

    Args:
        maps: of the two convolutions before the network, "batch channel ...".
        student, teacher: mean maps "batch 1 ..."; the teacher gets no gradient.
        site: "batch" int64.

    Source: WT-PSE, IEEE TMI 2024, document 10457051.
    """
    terms = [whitening(x, site) for x in maps]
    correlation, variance, domain = (torch.stack(parts).mean() for parts in zip(*terms, strict=True))
    return ShapeTerms(shape_distance(student, teacher), correlation, variance, domain)


def student_shape_as_released(maps: Sequence[Tensor], student: Tensor, teacher: Tensor, site: Tensor) -> ShapeTerms:
    """The same as the authors' code computes it, with three flaws.

    The variance term of the last map counts twice and those of the others never, so that they get no gradient from it:
    its running sum is overwritten by each map and added to itself. Sums are divided by one map more than they have.
    Channels are not centred.
    """
    terms = [whitening(x, site, centred=False) for x in maps]
    divisor = len(maps) + 1
    return ShapeTerms(
        shape_distance(student, teacher),
        torch.stack([term.correlation for term in terms]).sum() / divisor,
        2 * terms[-1].variance / divisor,
        torch.stack([term.domain for term in terms]).sum() / divisor,
    )


def _whitening_loss(
    inputs: Mapping[str, Tensor], margin: float, num_domains: int, per_domain_batch: int
) -> dict[str, Tensor]:
    site = torch.arange(num_domains).repeat_interleave(per_domain_batch)
    terms = whitening(inputs["z"], site, margin, centred=False)
    instance = terms.correlation + terms.variance
    return {"loss": instance + terms.domain, "instance": instance, "domain": terms.domain}


def _student_shape_loss(inputs: Mapping[str, Tensor], num_domains: int, per_domain_batch: int) -> dict[str, Tensor]:
    site = torch.arange(num_domains).repeat_interleave(per_domain_batch)
    maps = (inputs["z1"], inputs["z2"])
    kd, off, diagonal, domain = student_shape_as_released(maps, inputs["mu_student"], inputs["mu_teacher"], site)
    parts = {
        "kd": kd,
        "instance_off": off,
        "instance_diag": diagonal,
        "instance_total": off + diagonal,
        "domain": domain,
    }
    return {"loss": kd + off + diagonal + domain, **parts}


GOLDEN = {"wt_pse/student_shape_loss": _student_shape_loss, "wt_pse/whitening_loss": _whitening_loss}
