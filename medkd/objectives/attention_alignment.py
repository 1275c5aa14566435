"""Attention alignment (EVL-ECG): student tokens attend to the teacher's, and are matched to what they fetch."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision
from medkd.objectives.token_relations import token_relations


@full_precision
def attend(
    student: Tensor, teacher: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, heads: int
) -> Tensor:
    """What each student token fetches when it attends to the teacher's: as many tokens as the student's, and as wide.

    Per head, ``softmax(S Wqᵀ (T Wkᵀ)ᵀ / sqrt(head width)) T Wvᵀ``; the heads side by side, times ``Woᵀ``.

    Args:
        student: "batch token dim".
        teacher: "batch other_token other_dim"; gets no gradient.
        query: "heads·width dim"; key, value: "heads·width other_dim"; out: "dim heads·width".
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2, without biases.
    """
    fixed = teacher.detach()

    def split(tokens: Tensor, weight: Tensor) -> Tensor:
        return functional.linear(tokens, weight).reshape(*tokens.shape[:2], heads, -1).transpose(1, 2)

    fetched = functional.scaled_dot_product_attention(split(student, query), split(fixed, key), split(fixed, value))
    return functional.linear(fetched.transpose(1, 2).flatten(2), out)


@full_precision
def attention_alignment(student: Tensor, fetched: Tensor) -> Tensor:
    """Squared distance of each student token to what it fetches, mean over tokens and batch (a sum over the width).

    Args:
        student: "batch token dim".
        fetched: ``attend`` of it, the same shape; the gradient goes through both.

    >>> attention_alignment(torch.zeros(1, 2, 3), torch.ones(1, 2, 3))
    tensor(3.)
    """
    return (student - fetched).square().sum(dim=-1).mean()


class AttentionAlignment(Objective):
    """Match the tokens that attention fetches from the teacher, however many it has, and their relations.

    A flaw of the published form: the map from the teacher's tokens to the target (values, out) is learned with the
    student, so that all tokens zero is a minimum. Here that map is orthogonal and fixed unless ``learned_values``; then
    a collapse over samples costs. A sequence whose tokens all equal the teacher's mean costs nothing in either form:
    where tokens must stay apart, use OptimalTransport.

    Args:
        student_dim, teacher_dim: widths of the tokens.
        heads: of the attention.
        width: of a head.
        relation_weight: of the distance and angle relations between tokens, student against fetched; 0 leaves them out.
        learned_values: learn the map to the target too, as published.
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: tokens "batch token dim"; counts may differ. Terms: ``mhca``, in the student's units, squared; ``relation``,
    weighted.

    Raises:
        InputError: tokens are missing or have another width, or a size is not above zero.

    Source: Nguyen et al. 2026, EVL-ECG, arXiv:2605.29977 (no release; weights, heads and what is detached are not
    published).
    """

    method: ClassVar[str] = "EVL-ECG, attention alignment"
    source: ClassVar[str] = "Nguyen et al. 2026, arXiv:2605.29977"
    needs_student: ClassVar[tuple[str, ...]] = ("tokens",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("tokens",)
    value: Tensor
    out: Tensor

    def __init__(
        self,
        student_dim: int,
        teacher_dim: int,
        heads: int = 4,
        width: int = 16,
        relation_weight: float = 1.0,
        learned_values: bool = False,
        teacher: str = "",
    ) -> None:
        super().__init__(teacher)
        if min(heads, width) < 1:
            raise InputError(
                f"heads is {heads}, width is {width}", where="AttentionAlignment", remedy="Give both above 0"
            )
        self.heads = heads
        self.dims = {"student": student_dim, "teacher": teacher_dim}
        self.relation_weight = relation_weight
        inside = heads * width
        self.query = nn.Linear(student_dim, inside, bias=False).weight
        self.key = nn.Linear(teacher_dim, inside, bias=False).weight
        for name, shape in (("value", (inside, teacher_dim)), ("out", (student_dim, inside))):
            weight = nn.init.orthogonal_(torch.empty(shape))
            if learned_values:
                self.register_parameter(name, nn.Parameter(weight))
            else:
                self.register_buffer(name, weight)

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The terms ``mhca`` and, unless its weight is zero, ``relation``."""
        s, t = student.tokens, teacher.tokens
        for role, tokens in (("student", s), ("teacher", t)):
            if tokens.shape[-1] != self.dims[role]:
                what = f"tokens of the {role} have width {tokens.shape[-1]}, {role}_dim is {self.dims[role]}"
                raise InputError(what, where="AttentionAlignment", remedy=f"Set {role}_dim to {tokens.shape[-1]}")
        fetched = attend(s, t, self.query, self.key, self.value, self.out, self.heads)
        terms = {"mhca": attention_alignment(s, fetched)}
        if self.relation_weight:
            terms["relation"] = self.relation_weight * torch.stack(token_relations(s, fetched)).mean()
        return terms
