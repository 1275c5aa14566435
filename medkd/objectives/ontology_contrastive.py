"""Ontology-weighted NT-Xent (OC-Distill): contrast to the batch, less to samples known to be alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError, nearest
from medkd.networks.projector import Projector
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields, check_same_shape
from medkd.objectives.precision import full_precision

EPS = 1e-6
"""Norms below it are taken as it, so that a zero embedding has a bounded gradient."""


@full_precision
def ontology_nt_xent(
    first: Tensor,
    second: Tensor,
    similarity: Tensor | None = None,
    tau: float = 1.0,
    gamma: float = 5.0,
    eps: float = EPS,
) -> Tensor:
    """NT-Xent over two views of each sample, a negative's exponential weighted by (1 - similarity)^gamma.

    The value is the mean over 2 B anchors, in nats.

    -ln [exp(l_+) / (exp(l_+) + Σ_neg W exp(l))] with l the cosines over tau. In log space, so that a small tau does not
    overflow, as it does in the release. Without similarities, or with gamma 0, it is NT-Xent; a similarity of one takes
    the negative out.

    Args:
        first, second: "batch dim", the two views; both get a gradient.
        similarity: "batch batch", 0 to 1, of the samples; no gradient. Its diagonal does not count unless a batch holds
            a sample twice.
        tau: temperature above 0, dimensionless.
        gamma: at least 0; the larger, the less alike a negative may be.
        eps: smallest norm.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878, L_OW-NTXent; Chen et al. 2020, SimCLR, arXiv:2002.05709.

    >>> ontology_nt_xent(torch.eye(2), torch.eye(2), torch.ones(2, 2))
    tensor(0.)
    """
    count = len(first)
    z = functional.normalize(torch.cat([first, second]), dim=1, eps=eps)
    logits = z @ z.T / tau
    positive = logits.diagonal(count)
    if similarity is not None:
        log_weight = (
            torch.xlogy(torch.full_like(similarity, gamma), 1 - similarity.detach()).to(logits.dtype).repeat(2, 2)
        )
    else:
        log_weight = torch.zeros_like(logits)
    sample = torch.arange(2 * count, device=z.device) % count
    pair = sample[:, None] == sample[None, :]
    negatives = (logits + log_weight).masked_fill(pair, -torch.inf)
    positives = torch.cat([positive, positive])
    return (torch.cat([positives[:, None], negatives], dim=1).logsumexp(dim=1) - positives).mean()


def tanimoto(codes: Tensor) -> Tensor:
    """Similarity of every two rows, a·b / (|a|² + |b|² - a·b), at least 0: on indicators of codes, the Jaccard index.

    >>> tanimoto(torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]))[0, 1]
    tensor(0.3333)
    """
    products = codes @ codes.T
    squares = products.diagonal()
    union = squares[:, None] + squares[None, :] - products
    return (products / union.clamp(min=1e-12)).clamp(0, 1)


class OntologyContrastive(Objective):
    """Find the own teacher's embedding in the batch, and be pushed less from samples that an ontology finds alike.

    The two views are the student's embedding, linearly projected, and the teacher's. How alike samples are is read from
    the embedding of a teacher that holds it: a bank of indicators of each patient's codes and their ancestors, compared
    by their Jaccard index.

    Args:
        student_dim, teacher_dim: widths of the embeddings.
        tau: temperature above 0, dimensionless.
        gamma: of the weights (1 - similarity)^gamma; 0 is plain NT-Xent.
        similarity: name of the teacher from whose embedding the similarity of samples is computed; "" is ``teacher``'s.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: embeddings "batch dim". Term: ``ow_nt_xent``, in nats. A batch of one gives zero.

    Raises:
        InputError: tau is not above zero, gamma is negative, a teacher is missing, or an embedding has another width.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878.
    """

    method: ClassVar[str] = "OC-Distill, OW-NT-Xent"
    source: ClassVar[str] = "Liang et al. 2026, arXiv:2604.16878"
    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        tau: float = 1.0,
        gamma: float = 5.0,
        similarity: str = "",
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if not tau > 0 or gamma < 0:
            what = f"tau is {tau}, gamma {gamma}"
            raise InputError(
                what,
                where="OntologyContrastive",
                remedy="Give tau above 0 and gamma not below; 1 and 5 are the authors'",
            )
        self.projector = Projector(student_dim, teacher_dim)
        self.tau = tau
        self.gamma = gamma
        self.similarity = similarity

    def terms_of_all(self, student: Fields, teachers: Mapping[str, Fields], batch: Batch) -> dict[str, Tensor]:
        """The term ``ow_nt_xent``."""
        s, t = self.projector(student.embedding), self._first(teachers).embedding.detach()
        check_same_shape(s, t, "embedding", self)
        codes = teachers[self.similarity].embedding.detach() if self.similarity else t
        return {"ow_nt_xent": ontology_nt_xent(s, t, _alike(codes), self.tau, self.gamma)}

    def teacher_names(self, teachers: Mapping[str, object]) -> list[str]:
        """The teacher that is matched, and the one whose embedding holds the codes."""
        names = super().teacher_names(teachers)
        if self.similarity and self.similarity not in teachers:
            remedy = nearest(self.similarity, teachers)
            raise InputError(f"no teacher '{self.similarity}'", where="OntologyContrastive.similarity", remedy=remedy)
        return [*names, self.similarity] if self.similarity else names


_alike = full_precision(tanimoto)
