"""What students hear: out-of-fold or in-sample teachers, and the controls that know less."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import torch
from scipy.linalg import orthogonal_procrustes
from torch import Tensor

from medkd.benchmark.dataset import TARGET, Problems
from medkd.benchmark.stacked_network import ask
from medkd.benchmark.stacked_step import Try
from medkd.benchmark.stacked_training import train
from medkd.benchmark.training_set import Answers, Lesson, permuted
from medkd.distill.bank import BankMeta, TeacherBank
from medkd.distill.control_banks import label_only_bank, shuffled_bank

Teacher = Literal["out_of_fold", "in_sample", "shuffled_teacher", "label_only_teacher", "self_teacher"]
CONTROLS: tuple[Teacher, ...] = ("shuffled_teacher", "label_only_teacher", "self_teacher")


@dataclass(frozen=True)
class Fit:
    """How a network is trained: AdamW's rate and decay, steps, and labelled samples a step."""

    rate: float
    decay: float
    steps: int
    batch: int


def taught(problems: Problems, teacher: Teacher, fits: dict[str, Fit]) -> Answers:
    """The answers that a student hears on its training samples.

    Out of fold, a labelled sample is answered by the teacher that left its fold out, an unlabelled one by the mean of
    all, as in a ``TeacherBank``. The self-teacher is the same with the student's view. The other controls are those of
    ``control_banks``. A label-only teacher is silent where the label is withheld: its answers there are NaN, and must
    not be drawn.

    Args:
        problems: who is taught.
        teacher: which.
        fits: role → how its network is trained.
    """
    role = "student" if teacher == "self_teacher" else "teacher"
    if teacher == "in_sample":
        rows = torch.arange(problems.labelled).expand(len(problems.each), -1)
        return Answers(*_asked(problems, role, fits[role], rows))
    answers = _cross_fitted(problems, role, fits[role])
    return _control(problems, answers, teacher) if teacher in ("shuffled_teacher", "label_only_teacher") else answers


def _asked(problems: Problems, role: str, fit: Fit, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Train one network a problem on the labelled ``rows`` "problem row"; what it says of every training sample."""
    places = permuted(rows.shape[1], fit.batch, fit.steps, seed=7)
    batches = rows[:, places].movedim(0, 1)
    lesson = Lesson(problems.views[role], problems.y, problems.labelled, problems.seeds, batches)
    return ask(train(lesson, fit.rate, [Try(fit.decay)], [fit.steps])[fit.steps], problems.views[role])


def _cross_fitted(problems: Problems, role: str, fit: Fit) -> Answers:
    fold = np.stack([problem.fold for problem in problems.each])
    numbers = np.unique(fold)
    logits: list[Tensor] = []
    embeddings: list[Tensor] = []
    for number in numbers:
        seen = [np.flatnonzero(own[: problems.labelled] != number) for own in fold]
        # Folds of real cohorts differ by a sample or two: a row may stand twice, so that all are equally long.
        longest = max(map(len, seen))
        rows = torch.from_numpy(np.stack([np.resize(own, longest) for own in seen]))
        said = _asked(problems, role, fit, rows)
        logits.append(said[0])
        embeddings.append(said[1] if not embeddings else _turned(said[1], embeddings[0]))
    return Answers(
        _chosen(torch.stack(logits), fold, numbers, problems.labelled),
        _chosen(torch.stack(embeddings), fold, numbers, problems.labelled),
    )


def _chosen(said: Tensor, fold: np.ndarray, numbers: np.ndarray, labelled: int) -> Tensor:
    """Of "teacher problem sample ...", the one that left the sample out; the mean behind the labelled samples."""
    own = torch.from_numpy(np.searchsorted(numbers, fold))
    picked = said.gather(0, own[None, :, :, None].expand(1, *said.shape[1:]))[0]
    picked[:, labelled:] = said.mean(dim=0)[:, labelled:]
    return picked


def _turned(embedding: Tensor, onto: Tensor) -> Tensor:
    """Each problem's embeddings centred and rotated onto the first teacher's, as ``build_bank`` does."""
    turned = []
    for own, first in zip(embedding.double().numpy(), onto.double().numpy(), strict=True):
        centre, there = own.mean(axis=0), first.mean(axis=0)
        turned.append((own - centre) @ orthogonal_procrustes(own - centre, first - there)[0] + there)
    return torch.from_numpy(np.stack(turned)).to(embedding.dtype)


def _control(problems: Problems, answers: Answers, teacher: Teacher) -> Answers:
    """A control's answers, by the same code that makes a control's bank."""
    logits, embedding = torch.full_like(answers.logits, torch.nan), torch.full_like(answers.embedding, torch.nan)
    for place, problem in enumerate(problems.each):
        known = np.arange(problems.samples) < problems.labelled
        names = [str(row) for row in range(problems.samples)]
        index = pl.DataFrame(
            {
                "sample_id": names,
                "fold": problem.fold,
                "source": np.where(known, 0, -1),
                "seen": np.zeros(len(names), bool),
            }
        )
        meta = BankMeta({}, {}, "", (), problems.labelled / problems.samples, ("logits", "embedding"))
        source = TeacherBank(
            meta, index, {"logits": answers.logits[place].numpy(), "embedding": answers.embedding[place].numpy()}
        )
        with tempfile.TemporaryDirectory(prefix="medkd-") as temporary:
            folder = Path(temporary) / "bank"
            if teacher == "shuffled_teacher":
                shuffled_bank(source, folder, problem.seed)
            else:
                samples = pl.DataFrame({"sample_id": names, "y": problems.y[place].numpy()}).with_columns(
                    pl.when(pl.Series(known)).then(pl.col("y")).alias("y")
                )
                label_only_bank(source, folder, samples, TARGET)
            bank = TeacherBank.open(folder, check=False)
            rows = torch.tensor([int(name) for name in bank.index["sample_id"]])
            logits[place, rows] = torch.from_numpy(np.array(bank.arrays["logits"]))
            embedding[place, rows] = torch.from_numpy(np.array(bank.arrays["embedding"]))
    return replace(answers, logits=logits, embedding=embedding)
