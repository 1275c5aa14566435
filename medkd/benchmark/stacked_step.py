"""Stacked networks with their objectives on a lesson.

What they see at a step, what it costs them, what an objective remembers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from medkd.benchmark.dataset import TARGET
from medkd.benchmark.stacked_network import Perceptron, State, stack_of
from medkd.benchmark.training_set import Answers, Lesson
from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.objectives.objective import Objective
from medkd.objectives.supervised import supervised

Build = Callable[[], Objective]


@dataclass(frozen=True)
class Try:
    """What a copy of all networks is trained with.

    Loss = supervised + ``weight`` · objective, and AdamW's weight ``decay``.
    """

    decay: float
    weight: float = 0.0


Seen = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, list[str]]
"""Of a step and every network: view, label, whether it is known, the teacher's logits and embedding.

And the samples' names.
"""


class Course:
    """Stacked networks and objectives, and their losses on a step.

    Args:
        lesson: what they are trained on.
        tries: a copy of all problems' networks for each.
        build: makes the objective; None trains on labels alone.
    """

    def __init__(self, lesson: Lesson, tries: Sequence[Try], build: Build | None) -> None:
        self.lesson, self.copies = lesson, len(tries)
        columns, count = lesson.view.shape[-1], len(lesson.seeds)
        self.module, self.network, _ = stack_of(lambda: Perceptron(columns), lesson.seeds, self.copies)
        self.objective: Objective | None = None
        self.inside: tuple[State, State] = ({}, {})
        if build:
            self.objective, learned, held = stack_of(build, lesson.seeds, self.copies)
            self.inside = (learned, held)
        self.weight, self.decay = (
            torch.tensor(values).repeat_interleave(count)
            for values in zip(*((t.weight, t.decay) for t in tries), strict=True)
        )
        self.learned = [*self.network.values(), *self.inside[0].values()]
        self._remembers = self.objective is not None and type(self.objective).remember is not Objective.remember

    def see(self, step: int) -> Seen:
        """Gather a step's rows for every network."""
        held, rows = self.lesson, self.lesson.batches[step]
        problem = torch.arange(len(held.seeds))[:, None]
        rows = rows.expand(len(held.seeds), -1) if rows.dim() == 1 else rows
        silent = Answers(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
        answers = held.answers or silent
        spoken = (answers.logits, answers.embedding)
        logits, embedding = (
            part[problem, rows] if held.answers else part.expand(len(held.seeds), 1, 1) for part in spoken
        )
        parts = (held.view[problem, rows], held.y[problem, rows], rows < held.labelled, logits, embedding)
        view, y, known, logits, embedding = (part.repeat(self.copies, *[1] * (part.dim() - 1)) for part in parts)
        # Names are those of the first problem's rows; an objective is given one only where all problems share them.
        return view, y[..., None].float(), known[..., None], logits, embedding, [str(row) for row in rows[0].tolist()]

    def losses(self, seen: Seen) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Each network's supervised loss and objective, "network", and its logits and embeddings."""
        *tensors, names = seen

        def one(network: State, inside: tuple[State, State], *parts: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            view, y, known, logits, embedding = parts
            own_logits, own_embedding = functional_call(self.module, network, (view,))
            label = supervised(own_logits, y, known, TARGET.kind)
            pulled = torch.zeros(())
            if self.objective is not None:
                called = _called((own_logits, own_embedding), (logits, embedding), y, known, names)
                pulled = torch.stack(list(functional_call(self.objective, inside, called).values())).sum()
            return label, pulled, own_logits, own_embedding

        with warnings.catch_warnings():
            # Of functions that torch runs in a loop of its own under vmap.
            warnings.filterwarnings("ignore", message="There is a performance drop")
            label, pulled, logits, embedding = vmap(one, randomness="different")(self.network, self.inside, *tensors)
        return label, pulled, (logits, embedding)

    @torch.no_grad()
    def update(self, student: tuple[Tensor, Tensor], seen: Seen) -> None:
        """Let an objective with a memory change it, network by network.

        What it writes goes to its slice of the stacked buffers.
        """
        if not self._remembers or self.objective is None:
            return
        _, y, known, logits, embedding, names = seen
        memory = _Memory(self.objective)
        for place in range(len(self.weight)):
            state = {f"objective.{name}": value[place] for part in self.inside for name, value in part.items()}
            own, taught = ((first[place].detach(), second[place]) for first, second in (student, (logits, embedding)))
            functional_call(memory, state, _called(own, taught, y[place], known[place], names))


class _Memory(nn.Module):
    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, student: Output, teachers: Mapping[str, Output], batch: Batch) -> None:
        self.objective.update(student, teachers, batch)


def _called(
    student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], y: Tensor, known: Tensor, names: list[str]
) -> tuple[Output, dict[str, Output], Batch]:
    """What an objective is called with, from logits and embeddings of both."""
    return Output(*student), {"teacher": Output(*teacher)}, Batch({}, {}, y, known, TARGET, names, names)
