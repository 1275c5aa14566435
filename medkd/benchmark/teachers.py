"""Teachers of the benchmark: out-of-fold or in-sample ones, and the controls that know less."""

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

from medkd.benchmark.dataset import TARGET, StackedDatasets
from medkd.benchmark.stacked.network import forward
from medkd.benchmark.stacked.training import train
from medkd.benchmark.stacked.training_set import TeacherOutputs, TrainingSet, permuted
from medkd.benchmark.stacked.training_step import Setting
from medkd.distill.bank import BankMeta, TeacherBank
from medkd.distill.control_banks import label_only_bank, shuffled_bank

Teacher = Literal["out_of_fold", "in_sample", "shuffled_teacher", "label_only_teacher", "self_teacher"]
CONTROLS: tuple[Teacher, ...] = ("shuffled_teacher", "label_only_teacher", "self_teacher")


@dataclass(frozen=True)
class TeacherSettings:
    """Training of a teacher's network: AdamW's rate and decay, steps, and labelled samples per step."""

    rate: float
    decay: float
    steps: int
    batch: int


def teacher_outputs(
    datasets: StackedDatasets, teacher: Teacher, settings: dict[str, TeacherSettings]
) -> TeacherOutputs:
    """A teacher's outputs on the training samples, from which a student learns.

    Out of fold, the output on a labelled sample is that of the teacher that left its fold out, and on an unlabelled
    sample the mean of all, as in a ``TeacherBank``. The self-teacher is the same with the student's view. The other
    controls are those of ``control_banks``. The outputs of a label-only teacher are NaN where the label is withheld,
    and such samples must not be in a batch.

    Args:
        datasets: the students' data sets.
        teacher: the kind of teacher.
        settings: role → training of its network.
    """
    role = "student" if teacher == "self_teacher" else "teacher"
    if teacher == "in_sample":
        rows = torch.arange(datasets.labelled).expand(len(datasets.each), -1)
        return TeacherOutputs(*_fitted(datasets, role, settings[role], rows))
    outputs = _cross_fitted(datasets, role, settings[role])
    return _control(datasets, outputs, teacher) if teacher in ("shuffled_teacher", "label_only_teacher") else outputs


def _fitted(datasets: StackedDatasets, role: str, settings: TeacherSettings, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Train one network per data set on the labelled ``rows`` "dataset row"; its outputs on every training sample."""
    order = permuted(rows.shape[1], settings.batch, settings.steps, seed=7)
    batches = rows[:, order].movedim(0, 1)
    training_set = TrainingSet(datasets.views[role], datasets.y, datasets.labelled, datasets.seeds, batches)
    trained = train(training_set, settings.rate, [Setting(settings.decay)], [settings.steps])
    return forward(trained[settings.steps], datasets.views[role])


def _cross_fitted(datasets: StackedDatasets, role: str, settings: TeacherSettings) -> TeacherOutputs:
    fold = np.stack([dataset.fold for dataset in datasets.each])
    numbers = np.unique(fold)
    all_logits: list[Tensor] = []
    all_embeddings: list[Tensor] = []
    for number in numbers:
        train_rows = [np.flatnonzero(fold_of[: datasets.labelled] != number) for fold_of in fold]
        # Folds of real cohorts differ by a sample or two: a row may be used twice, so that all are equally long.
        longest = max(map(len, train_rows))
        rows = torch.from_numpy(np.stack([np.resize(each, longest) for each in train_rows]))
        logits, embedding = _fitted(datasets, role, settings, rows)
        all_logits.append(logits)
        all_embeddings.append(embedding if not all_embeddings else _rotated(embedding, all_embeddings[0]))
    return TeacherOutputs(
        _out_of_fold(torch.stack(all_logits), fold, numbers, datasets.labelled),
        _out_of_fold(torch.stack(all_embeddings), fold, numbers, datasets.labelled),
    )


def _out_of_fold(outputs: Tensor, fold: np.ndarray, numbers: np.ndarray, labelled: int) -> Tensor:
    """Of "teacher dataset sample ...", the teacher that left the sample out; the mean of all for unlabelled samples."""
    teacher_of = torch.from_numpy(np.searchsorted(numbers, fold))
    selected = outputs.gather(0, teacher_of[None, :, :, None].expand(1, *outputs.shape[1:]))[0]
    selected[:, labelled:] = outputs.mean(dim=0)[:, labelled:]
    return selected


def _rotated(embedding: Tensor, onto: Tensor) -> Tensor:
    """Each data set's embeddings centred and rotated onto the first teacher's, as ``build_bank`` does."""
    rotated = []
    for source, reference in zip(embedding.double().numpy(), onto.double().numpy(), strict=True):
        centre, reference_centre = source.mean(axis=0), reference.mean(axis=0)
        rotation = orthogonal_procrustes(source - centre, reference - reference_centre)[0]
        rotated.append((source - centre) @ rotation + reference_centre)
    return torch.from_numpy(np.stack(rotated)).to(embedding.dtype)


def _control(datasets: StackedDatasets, outputs: TeacherOutputs, teacher: Teacher) -> TeacherOutputs:
    """A control's outputs, by the same code that makes a control's bank."""
    logits, embedding = torch.full_like(outputs.logits, torch.nan), torch.full_like(outputs.embedding, torch.nan)
    for number, dataset in enumerate(datasets.each):
        known = np.arange(datasets.samples) < datasets.labelled
        names = [str(row) for row in range(datasets.samples)]
        index = pl.DataFrame(
            {
                "sample_id": names,
                "fold": dataset.fold,
                "source": np.where(known, 0, -1),
                "seen": np.zeros(len(names), bool),
            }
        )
        meta = BankMeta({}, {}, "", (), datasets.labelled / datasets.samples, ("logits", "embedding"))
        source = TeacherBank(
            meta, index, {"logits": outputs.logits[number].numpy(), "embedding": outputs.embedding[number].numpy()}
        )
        with tempfile.TemporaryDirectory(prefix="medkd-") as temporary:
            folder = Path(temporary) / "bank"
            if teacher == "shuffled_teacher":
                shuffled_bank(source, folder, dataset.seed)
            else:
                samples = pl.DataFrame({"sample_id": names, "y": datasets.y[number].numpy()}).with_columns(
                    pl.when(pl.Series(known)).then(pl.col("y")).alias("y")
                )
                label_only_bank(source, folder, samples, TARGET)
            bank = TeacherBank.open(folder, check=False)
            rows = torch.tensor([int(name) for name in bank.index["sample_id"]])
            logits[number, rows] = torch.from_numpy(np.array(bank.arrays["logits"]))
            embedding[number, rows] = torch.from_numpy(np.array(bank.arrays["embedding"]))
    return replace(outputs, logits=logits, embedding=embedding)
