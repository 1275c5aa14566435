"""One training step of stacked networks: their inputs, their losses, and the memory of their objectives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from medkd.benchmark.dataset import TARGET
from medkd.benchmark.stacked.network import Perceptron, State, stack_modules
from medkd.benchmark.stacked.training_set import TeacherOutputs, TrainingSet
from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.objectives.objective import Objective
from medkd.objectives.supervised import supervised

Build = Callable[[], Objective]


@dataclass(frozen=True)
class Setting:
    """Weights of a loss: supervised + ``weight`` · objective, with AdamW's weight ``decay``."""

    decay: float
    weight: float = 0.0


StepInputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, list[str]]
"""Per network: view, label, whether the label is known, the teacher's logits and embedding; and the samples' names."""


class StackedStep:
    """Stacked networks with their objectives, and their losses on a step.

    Args:
        training_set: one dataset per network.
        settings: each adds a copy of all datasets' networks.
        build: makes the objective; without it networks learn from labels alone.
    """

    def __init__(self, training_set: TrainingSet, settings: Sequence[Setting], build: Build | None) -> None:
        self.training_set, self.copies = training_set, len(settings)
        columns, count = training_set.view.shape[-1], len(training_set.seeds)
        self.module, self.network, _ = stack_modules(lambda: Perceptron(columns), training_set.seeds, self.copies)
        self.objective: Objective | None = None
        self.objective_state: tuple[State, State] = ({}, {})
        if build:
            self.objective, *state = stack_modules(build, training_set.seeds, self.copies)
            self.objective_state = (state[0], state[1])
        self.weight, self.decay = (
            torch.tensor(values).repeat_interleave(count)
            for values in zip(*((setting.weight, setting.decay) for setting in settings), strict=True)
        )
        self.learned = [*self.network.values(), *self.objective_state[0].values()]
        self._remembers = self.objective is not None and type(self.objective).remember is not Objective.remember

    def inputs(self, step: int) -> StepInputs:
        """Gather a step's rows for every network."""
        data, rows = self.training_set, self.training_set.batches[step]
        count = len(data.seeds)
        dataset = torch.arange(count)[:, None]
        rows = rows.expand(count, -1) if rows.dim() == 1 else rows
        teacher = data.teacher or TeacherOutputs(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
        logits, embedding = (
            part[dataset, rows] if data.teacher else part.expand(count, 1, 1)
            for part in (teacher.logits, teacher.embedding)
        )
        parts = (data.view[dataset, rows], data.y[dataset, rows], rows < data.labelled, logits, embedding)
        view, y, known, logits, embedding = (part.repeat(self.copies, *[1] * (part.dim() - 1)) for part in parts)
        # Names are those of the first dataset's rows; an objective is given one only where all datasets share them.
        return view, y[..., None].float(), known[..., None], logits, embedding, [str(row) for row in rows[0].tolist()]

    def losses(self, inputs: StepInputs) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Each network's supervised loss and objective, "network", and its logits and embeddings."""
        *tensors, names = inputs

        def one(network: State, state: tuple[State, State], *parts: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            view, y, known, logits, embedding = parts
            student_logits, student_embedding = functional_call(self.module, network, (view,))
            label = supervised(student_logits, y, known, TARGET.kind)
            distilled = torch.zeros(())
            if self.objective is not None:
                arguments = _arguments((student_logits, student_embedding), (logits, embedding), y, known, names)
                distilled = torch.stack(list(functional_call(self.objective, state, arguments).values())).sum()
            return label, distilled, student_logits, student_embedding

        with warnings.catch_warnings():
            # Functions that torch runs in a loop under vmap.
            warnings.filterwarnings("ignore", message="There is a performance drop")
            label, distilled, logits, embedding = vmap(one, randomness="different")(
                self.network, self.objective_state, *tensors
            )
        return label, distilled, (logits, embedding)

    @torch.no_grad()
    def update(self, student: tuple[Tensor, Tensor], inputs: StepInputs) -> None:
        """Let an objective with a memory change it, network by network, each in its slice of the stacked buffers."""
        if not self._remembers or self.objective is None:
            return
        _, y, known, logits, embedding, names = inputs
        memory = _Memory(self.objective)
        for index in range(len(self.weight)):
            state = {f"objective.{name}": value[index] for part in self.objective_state for name, value in part.items()}
            student_outputs = (student[0][index].detach(), student[1][index].detach())
            teacher_outputs = (logits[index], embedding[index])
            arguments = _arguments(student_outputs, teacher_outputs, y[index], known[index], names)
            functional_call(memory, state, arguments)


class _Memory(nn.Module):
    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> None:
        self.objective.update(student, teachers, batch)


def _arguments(
    student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], y: Tensor, known: Tensor, names: list[str]
) -> tuple[Output, dict[str, Output], Batch]:
    """The arguments of an objective, from logits and embeddings of both."""
    return Output(*student), {"teacher": Output(*teacher)}, Batch({}, {}, y, known, TARGET, names, names)
