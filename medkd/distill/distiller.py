"""The LightningModule of every fit: a network, its labels and its teachers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.target import Target
from medkd.distill.bank import TeacherBank
from medkd.distill.learner import FrozenTeacher
from medkd.distill.optimisers import LearningRate, optimiser, rate_factor
from medkd.distill.schedule import Constant, Schedule
from medkd.distill.validation_score import EpochOutputs
from medkd.distill.warm_start import freeze_body, modules_outside_heads, start_from
from medkd.errors import InputError, nearest
from medkd.networks.head import Head
from medkd.networks.network import Network
from medkd.objectives.objective import Objective
from medkd.objectives.supervised import Supervised


class Distiller(LightningModule):
    """Fits a network to labels and, where it has teachers, to their outputs.

    A baseline or a teacher is fitted by the same module without teachers.

    The loss is Σ weight(progress) · objective, the label's own objective among them under the name ``supervised``.
    Labels count on labelled samples alone; teachers' outputs on every sample of a batch.

    Args:
        network: trained, validated and saved.
        objectives: by name; each uses banked or live teachers.
        weights: of the objectives by their names, and of ``supervised`` (default 1); a number or a schedule.
        banks: teacher → folder of its bank.
        teachers: teacher → folder of a fitted model that runs live on the student's own augmentation, frozen.
        in_sample: accept bank rows of teachers that were trained on them.
        pos_weight: weight of a positive in the supervised objective, relative to a negative; empty means 1.
        optimizer: adamw or sgd.
        learning_rate: at its peak.
        weight_decay: of weights with more than one axis.
        schedule: of the learning rate: one_cycle, cosine or constant.
        ema: decay of the running average of the network that is validated and saved; 0 saves the last step's weights.
        start: folder of a fitted model whose weights the network starts from, but for its head; its statistics scale
            the signals.
        freeze: train the head alone, on the output of the rest of the network without dropout.
    """

    def __init__(
        self,
        network: Network,
        objectives: dict[str, Objective] | None = None,
        weights: dict[str, float | Schedule] | None = None,
        banks: dict[str, str] | None = None,
        teachers: dict[str, str] | None = None,
        in_sample: bool = False,
        pos_weight: list[float] | None = None,
        optimizer: Literal["adamw", "sgd"] = "adamw",
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-2,
        schedule: LearningRate = "one_cycle",
        ema: float = 0.0,
        start: str = "",
        freeze: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.start = start_from(network, Path(start)) if start else {}
        self.frozen = list(modules_outside_heads(network)) if freeze else []
        if freeze:
            freeze_body(network)
        self.objectives = objectives or {}
        self.objective_modules = nn.ModuleDict(self.objectives)
        self.supervised = Supervised(pos_weight or None)
        self.weights = self._schedules(weights or {})
        self.bank_paths, self.teacher_paths, self.in_sample = banks or {}, teachers or {}, in_sample
        self.optimizer_name: Literal["adamw", "sgd"] = optimizer
        self.learning_rate, self.weight_decay, self.schedule, self.ema = learning_rate, weight_decay, schedule, ema
        self.average = _running_average(network, ema) if ema else None
        self._evaluated = EpochOutputs()
        self._check()

    def _schedules(self, weights: Mapping[str, float | Schedule]) -> dict[str, Schedule]:
        named = {"supervised", *self.objectives}
        for name in weights:
            if name not in named:
                raise InputError(f"a weight is set for '{name}'", where="weights", remedy=nearest(name, named))
        return {
            name: weight if isinstance(weight := weights.get(name, 1.0), Schedule) else Constant(float(weight))
            for name in ("supervised", *self.objectives)
        }

    def _check(self) -> None:
        """Refuse at start, not at step 400, what could never run."""
        named = {**self.bank_paths, **self.teacher_paths}
        for name, objective in self.objectives.items():
            if not objective.needs_teacher:
                continue
            if not named:
                raise InputError(
                    f"objective '{name}' has no teacher", where="objectives", remedy="Set banks or teachers"
                )
            only = objective.teacher or (next(iter(named)) if len(named) == 1 else "")
            for teacher in named if objective.uses_all_teachers else (only,):
                if teacher not in named:
                    raise InputError(
                        f"objective '{name}' uses teacher '{teacher}'",
                        where="objectives",
                        remedy=nearest(teacher, named),
                    )
                if objective.needs_alignment and teacher in self.bank_paths:
                    raise InputError(
                        f"objective '{name}' needs a live teacher, {teacher} is banked",
                        where="objectives",
                        remedy="Move it to teachers",
                    )

    def check(self, target: Target) -> None:
        """Refuse a target that an objective cannot be used with.

        Raises:
            InputError: the objective is named, with the reason.
        """
        for objective in (self.supervised, *self.objectives.values()):
            objective.check(target)

    @cached_property
    def banks(self) -> dict[str, TeacherBank]:
        """The banks by teacher, opened (and refused where stale) before the first step."""
        return {
            name: TeacherBank.open(Path(folder), in_sample=self.in_sample) for name, folder in self.bank_paths.items()
        }

    @cached_property
    def live(self) -> dict[str, FrozenTeacher]:
        """Frozen teachers, outside the module tree: never trained, never in a checkpoint."""
        return {name: FrozenTeacher(Path(folder)) for name, folder in self.teacher_paths.items()}

    @property
    def kept(self) -> Network:
        """The network that is validated and saved: the running average where there is one."""
        return self.network if self.average is None else cast(Network, self.average.module)

    def setup(self, stage: str) -> None:
        """Open banks and teachers, and compare what objectives need with what they keep."""
        if self.start:
            statistics = self.trainer.datamodule.statistics["model"]  # type: ignore[attr-defined]
            statistics |= {name: fitted for name, fitted in self.start.items() if name in statistics}
        if stage != "fit":
            return
        for name, objective in self.objectives.items():
            for bank_name, bank in self.banks.items():
                lacking = set(objective.needs_teacher) - set(bank.meta.fields)
                if lacking and objective.teacher in ("", bank_name):
                    raise InputError(
                        f"bank '{bank_name}' keeps no {', '.join(sorted(lacking))}",
                        where=f"objective {name}",
                        remedy="Run its 'bank' stage again",
                    )
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        self.check(data.target)
        if data.target.kind in ("regression", "forecast"):
            self._begin_at_training_mean(data)
        for name, bank in self.banks.items():
            if bank.meta.split_sha256 != data.split_sha256 or not set(data.held_out) <= set(bank.meta.held_out):
                raise InputError(
                    f"bank '{name}' is of another split or test fold",
                    where=f"held-out folds {list(data.held_out)}",
                    remedy="Use its own bank",
                )
        for name, teacher in self.live.items():
            if name not in data.model_inputs or teacher.learner.model_input.digest != data.model_inputs[name].digest:
                raise InputError(
                    f"the data lack the view of teacher '{name}'",
                    where="data.model_inputs",
                    remedy="Copy its learner.yaml's view",
                )
            # Its signals are scaled as in its own training, not by the student's training samples.
            data.statistics[name] = teacher.learner.statistics
            teacher.to(self.device)

    def _begin_at_training_mean(self, data: Any) -> None:
        train = data.dataset("train")
        known = [train.targets[train.labelled[:, column], column] for column in range(train.targets.shape[1])]
        if not all(len(values) for values in known):
            # Nothing to start at: the loader refuses a column that is labelled nowhere.
            return
        mean = torch.stack([values.mean() for values in known])
        deviation = torch.stack([values.std(correction=0).clamp(min=1e-6) for values in known])
        for network in filter(None, (self.network, self.average)):
            for part in network.modules():
                if isinstance(part, Head):
                    part.begin_at(mean, deviation)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole fit."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        return int(self.trainer.max_epochs or 1) * int(data.steps_per_epoch)

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Add the banked teachers' outputs to a training batch."""
        if self.trainer.training and self.banks:
            batch.teachers = {name: bank.rows(batch.sample_id) for name, bank in self.banks.items()}
        return batch

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The weighted sum of all objectives."""
        for module in self.frozen:
            module.training = False
        student = self.network(batch.signals)
        teachers = {**batch.teachers, **{name: teacher(batch.views[name]) for name, teacher in self.live.items()}}
        loss, terms = self.loss(student, teachers, batch, self.global_step / max(self.total_steps, 1))
        if self._logs_now:
            self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()}, batch_size=len(batch))
            self.log("train/loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        self._step = (student, teachers, batch)
        return loss

    @property
    def _logs_now(self) -> bool:
        """Whether values of this step are logged: those that Lightning drops cost 4 % of a small network's step."""
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return bool(self.trainer.is_last_batch or (every and (self.global_step + 1) % every == 0))

    def loss(
        self, student: Output, teachers: Mapping[str, Output], batch: Batch, progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum at ``progress`` in [0, 1], and every term unweighted by "objective/term"."""
        terms: dict[str, Tensor] = {}
        loss = torch.zeros((), device=student.logits.device)
        for name, objective in (("supervised", self.supervised), *self.objectives.items()):
            weight = self.weights[name].at(progress)
            parts = objective(student, teachers, batch)
            terms |= {f"{name}/{term}": value for term, value in parts.items()}
            if weight:
                loss = loss + weight * torch.stack(list(parts.values())).sum()
        return loss, terms

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """The step, then the memories of objectives and the running average.

        Not in ``on_train_batch_end``, before which a checkpoint of this step may already be written.
        """
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        student, teachers, batch = self._step
        for objective in self.objectives.values():
            objective.update(student, teachers, batch)
        if self.average is not None:
            self.average.update_parameters(self.network)
        del self._step

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect the logits of inner validation until the epoch ends."""
        output = self.kept(batch.signals)
        (loss,) = self.supervised(output, {}, batch).values()
        self.log("val/loss", loss, batch_size=len(batch), sync_dist=True)
        self._evaluated.add(output, batch)

    def on_validation_epoch_end(self) -> None:
        """``val/score`` over the samples of all processes together; more is better."""
        self.log("val/score", self._evaluated.score(self.trainer.world_size), prog_bar=True)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect the logits of the held-out folds."""
        self._evaluated.add(self.kept(batch.signals), batch)

    def on_test_epoch_end(self) -> None:
        """The score alone: metrics with intervals are computed in ``medkd.evidence``."""
        self.log("test/score", self._evaluated.score(self.trainer.world_size))

    def configure_optimizers(self) -> Any:
        """The optimiser over network and objectives, and its learning rate at each step."""
        chosen = optimiser(
            self.optimizer_name, [self.network, *self.objectives.values()], self.learning_rate, self.weight_decay
        )
        shape = LambdaLR(chosen, rate_factor(self.schedule, self.total_steps))
        return {"optimizer": chosen, "lr_scheduler": {"scheduler": shape, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The teachers' sha256, not their weights."""
        checkpoint["teachers"] = {name: teacher.sha256 for name, teacher in self.live.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse to continue with another teacher.

        Raises:
            InputError: a live teacher changed since the checkpoint.
        """
        for name, sha256 in checkpoint.get("teachers", {}).items():
            if name not in self.live or self.live[name].sha256 != sha256:
                raise InputError(
                    f"teacher '{name}' changed after the checkpoint", where="resume", remedy="Start the fit afresh"
                )


def _running_average(network: Network, decay: float) -> AveragedModel:
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]
    # It follows the network and is never trained: several processes would wait for its gradients.
    return average.requires_grad_(False)
