"""Soft labels (KD): the teacher's softened probabilities."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.output_fields import Fields
from medkd.objectives.precision import full_precision


@full_precision
def soft_labels(
    student: Tensor, teacher: Tensor, temperature: float, t_squared: bool = True, bernoulli: bool = False
) -> Tensor:
    """Kullback-Leibler divergence from the teacher's tempered probabilities to the student's, in nats.

    Classes: T² · mean over the batch of Σ_c p_c ln(p_c / q_c), with p = softmax(t/T) and q = softmax(s/T).
    Bernoulli: T² · mean over the batch and its labels of p ln(p/q) + (1-p) ln((1-p)/(1-q)), with p = sigmoid(t/T) and q
    = sigmoid(s/T). Labels are averaged, not summed, because the supervised cross-entropy is averaged over them too: the
    weight between both then means the same for one label and for seventy.

    Args:
        student, teacher: logits "batch class" or "batch label"; the teacher gets no gradient.
        temperature: T > 0, dimensionless.
        t_squared: multiply by T², which keeps the gradient's size when T changes.
        bernoulli: each logit is a label of its own (binary, multi-label).

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.

    >>> import torch
    >>> soft_labels(torch.zeros(1, 2), torch.zeros(1, 2), temperature=2.0)
    tensor(0.)
    """
    s, t = student / temperature, teacher.detach() / temperature
    if bernoulli:
        present, absent = functional.logsigmoid(t), functional.logsigmoid(-t)
        divergence = (
            present.exp() * (present - functional.logsigmoid(s)) + absent.exp() * (absent - functional.logsigmoid(-s))
        ).mean()
    else:
        divergence = functional.kl_div(
            s.log_softmax(dim=1), t.log_softmax(dim=1), reduction="batchmean", log_target=True
        )
    return divergence * temperature**2 if t_squared else divergence


class SoftLabels(Objective):
    """Match the teacher's softened probabilities.

    T² KL(teacher/T ‖ student/T), over classes, or per label where labels do not exclude each other.

    Args:
        temperature: T > 0, dimensionless.
        t_squared: multiply by T².
        teacher: name of the teacher it uses; "" is the only one.

    Shapes: student and teacher logits "batch class", in nats. Term: ``kd``. Unlabelled samples count like any other.

    Raises:
        InputError: the temperature is not above zero, the target is a regression, or the logits' shapes differ.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
    """

    method: ClassVar[str] = "KD"
    source: ClassVar[str] = "Hinton et al. 2015, arXiv:1503.02531"
    same_shape: ClassVar[tuple[str, ...]] = ("logits",)
    needs_probabilities: ClassVar[bool] = True

    def __init__(self, temperature: float = 2.0, t_squared: bool = True, teacher: str = "") -> None:
        super().__init__(teacher)
        if not temperature > 0:
            raise InputError(
                f"temperature is {temperature}, it must be above 0", where="SoftLabels", remedy="2 is a common choice"
            )
        self.temperature = temperature
        self.t_squared = t_squared

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``kd``."""
        s, t = student.logits, teacher.logits
        return {"kd": soft_labels(s, t, self.temperature, self.t_squared, bernoulli=not batch.target.is_categorical)}
