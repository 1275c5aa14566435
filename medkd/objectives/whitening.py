"""Whitening (WT-PSE): channels of a feature map uncorrelated, and alike at every site."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision

RIDGE = 1e-5
"""Added to every variance."""


class WhiteningTerms(NamedTuple):
    """Parts of the whitening loss, scalars: correlations and variances of each sample, differences between sites."""

    correlation: Tensor
    variance: Tensor
    domain: Tensor


@full_precision
def whitening(maps: Tensor, site: Tensor, margin: float = 0.0, centred: bool = True) -> WhiteningTerms:
    """How far the channels' covariance of each sample is from the identity, and how it differs between sites.

    With A the "channel channel" covariance of a sample over its positions, plus 1e-5 on the diagonal: correlation =
    mean over the batch of max(0, (sum over i<j of |A_ij| - margin) / number of pairs); variance = mean of max(0, (sum
    of |A_ii - 1| - margin) / channels). Domain: the squared maximum mean discrepancy of the vectors of A_ij, i<j, with
    the kernel exp(-|a - b|²), mean over pairs of sites; zero where there is one site. The kernel has a fixed width:
    vectors further apart than about three are all equally far.

    Args:
        maps: "batch channel ...".
        site: "batch" int64, 0 to batch - 1.
        margin: sum of absolute deviations that is free.
        centred: subtract each channel's mean over the positions. The release does not, and so pulls the channels' means
            to zero and correlates whatever has a mean.

    Source: WT-PSE, IEEE TMI 2024, document 10457051; instance whitening after Choi et al. 2021, RobustNet,
    arXiv:2103.15597.
    """
    flat = maps.flatten(2)
    channels, positions = flat.shape[1:]
    if centred:
        flat = flat - flat.mean(dim=2, keepdim=True)
    covariance = flat @ flat.transpose(1, 2) / max(positions - 1, 1) + RIDGE * torch.eye(
        channels, dtype=flat.dtype, device=flat.device
    )
    rows, columns = torch.triu_indices(channels, channels, offset=1, device=flat.device)
    pairs = covariance[:, rows, columns]
    correlation = ((pairs.abs().sum(dim=1) - margin) / max(len(rows), 1)).clamp(min=0).mean()
    deviation = (covariance.diagonal(dim1=1, dim2=2) - 1).abs().sum(dim=1)
    variance = ((deviation - margin) / channels).clamp(min=0).mean()
    return WhiteningTerms(correlation, variance, _discrepancy(pairs, site))


def _discrepancy(vectors: Tensor, site: Tensor) -> Tensor:
    """The squared maximum mean discrepancy, mean over pairs of sites."""
    # By differences: by norms, float32 rounds the kernel of a vector with itself to anything.
    distances = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    kernel = torch.exp(-distances.square())
    member = functional.one_hot(site, len(vectors)).to(vectors.dtype)
    count = member.sum(dim=0)
    share = member / count.clamp(min=1)
    between = share.T @ kernel @ share
    within = between.diagonal()
    apart = within[:, None] + within[None, :] - 2 * between
    both = torch.triu((count[:, None] > 0) & (count[None, :] > 0), diagonal=1)
    return torch.where(both, apart, 0).sum() / both.sum().clamp(min=1)


class Whitening(Objective):
    """Whiten the student's feature maps, and make their correlations the same at every site of the batch.

    It needs no teacher.

    Args:
        stages: names of feature maps; empty means all. Terms are means over them (the release divides by one map more
            than it sums).
        margin: sum of absolute deviations that is free.
        instance_weight: of correlations and variances.
        domain_weight: of the differences between sites; nothing where the samples have no site.
        centred: subtract each channel's mean first; the release does not.

    Shapes: features "batch channel ...". Terms: ``instance`` and ``domain``, dimensionless, weighted.

    Raises:
        InputError: the student has no features, or not at a stage that was named.

    Source: WT-PSE, IEEE TMI 2024, document 10457051.
    """

    method: ClassVar[str] = "WT-PSE, whitening"
    source: ClassVar[str] = "WT-PSE, IEEE TMI 2024, document 10457051; Choi et al. 2021, arXiv:2103.15597"
    needs_student: ClassVar[tuple[str, ...]] = ("features",)
    needs_teacher: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        stages: list[str] | None = None,
        margin: float = 0.0,
        instance_weight: float = 1.0,
        domain_weight: float = 1.0,
        centred: bool = True,
    ) -> None:
        super().__init__()
        self.stages = stages or []
        self.margin, self.centred = margin, centred
        self.instance_weight, self.domain_weight = instance_weight, domain_weight

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``instance`` and ``domain``."""
        maps = student.maps(self.stages)
        known = {name: i for i, name in enumerate(dict.fromkeys(batch.site))}
        site = torch.tensor([known[name] for name in batch.site] or [0] * len(maps[0]), device=maps[0].device)
        terms = [whitening(x, site, self.margin, self.centred) for x in maps]
        instance = torch.stack([term.correlation + term.variance for term in terms]).mean()
        domain = torch.stack([term.domain for term in terms]).mean()
        return {"instance": self.instance_weight * instance, "domain": self.domain_weight * domain}
