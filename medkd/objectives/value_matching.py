"""Match the teacher's values: a forecast, a regression, or bare logits."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.needed import needed, same_shape
from medkd.objectives.objective import Objective
from medkd.objectives.precision import full_precision


@full_precision
def value_matching(student: Tensor, teacher: Tensor) -> Tensor:
    """The squared difference of two outputs of one shape, mean over all entries; the teacher gets no gradient.

    >>> import torch
    >>> value_matching(torch.zeros(2, 3), torch.full((2, 3), 2.0))
    tensor(4.)
    """
    return (student - teacher.detach()).square().mean()


def value_matching_released(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """GlucoNet's form.

    The teacher's *values* are divided by a temperature, so at 2 the student is pulled to half of each forecast.
    """
    return value_matching(student, teacher / temperature)


class ValueMatching(Objective):
    """Match the teacher's outputs by squared error: mean (s - t)². Unlabelled samples count like any other.

    Args:
        released_temperature: divides the teacher's values, as GlucoNet's release does with 2; that biases the student
            and is there to repeat its results only. 1 leaves them.
        teacher: which teacher it hears; "" is the only one.

    Shapes: logits "batch output". Term: ``value``, in the target's units, squared.

    Raises:
        InputError: the temperature is not above zero, or shapes differ.

    Source: Ba and Caruana 2014, arXiv:1312.6184; Farahmand et al., GlucoNet, arXiv:2411.10703.
    """

    def __init__(self, released_temperature: float = 1.0, teacher: str = "") -> None:
        super().__init__(teacher)
        if not released_temperature > 0:
            what = f"released_temperature is {released_temperature}, it must be above 0"
            raise InputError(what, where="ValueMatching", remedy="1 leaves the teacher's values as they are")
        self.released_temperature = released_temperature

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> dict[str, Tensor]:
        """The term ``value``."""
        s = needed(student, "logits", "student", self)
        t = needed(self.hear(teachers), "logits", "teacher", self)
        same_shape(s, t, "logits", self)
        return {"value": value_matching_released(s, t, self.released_temperature)}


def _distillation_loss(inputs: Mapping[str, Tensor], alpha: float = 0.5, temperature: float = 2.0) -> dict[str, Tensor]:
    student = inputs["student"]
    soft = value_matching_released(student, inputs["teacher"], temperature)
    return {"loss": alpha * value_matching(student, inputs["labels"]) + (1 - alpha) * soft}


GOLDEN = {"gluconet/distillation_loss": _distillation_loss}
