"""Learners: fitted models that predict, are saved as text and safetensors, and teach from a bank or live."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import Modality
from medkd.data.core.model_input import ModelInput
from medkd.data.core.output import Output
from medkd.data.core.signal import Signal, observed
from medkd.data.core.target import Target
from medkd.data.io.atomic import writing_folder
from medkd.data.io.digest import digest_file, digest_of
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import Prepared
from medkd.errors import InputError
from medkd.networks.network import Network

WEIGHTS = ("model.safetensors", "model.txt")
"""File names that a learner's weights may have."""


class Learner(ABC):
    """Something that was fitted on samples and predicts others.

    Attributes:
        model_input: its view, and how the view's modalities are prepared.
        target: what it predicts.
    """

    model_input: ModelInput
    target: Target

    @abstractmethod
    def predict(self, prepared: Mapping[str, Prepared], sample_ids: Sequence[str]) -> Output:
        """Outputs for samples, in their order, from prepared arrays by modality; no gradient, no augmentation."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write it as plain text and safetensors."""


@dataclass
class FittedModel(Learner):
    """A fitted network (or boosted trees), with the statistics of its training samples.

    Args:
        network: in eval mode.
        network_config: its ``class_path`` and ``init_args``.
        model_input: its view, and how the view's modalities are prepared.
        target: what it predicts.
        statistics: of its training samples, by modality.
    """

    network: Network
    network_config: dict[str, Any]
    model_input: ModelInput
    target: Target
    statistics: dict[str, Statistics]

    def predict(self, prepared: Mapping[str, Prepared], sample_ids: Sequence[str], batch_size: int = 256) -> Output:
        """Logits of samples in their order, and embeddings where the network has them.

        Raises:
            InputError: a sample was not prepared.
        """
        self.network.eval()
        device = next((parameter.device for parameter in self.network.parameters()), torch.device("cpu"))
        outputs = []
        rows = {name: stored.rows(sample_ids) for name, stored in prepared.items()}
        with torch.inference_mode():
            for start in range(0, len(sample_ids), batch_size):
                signals = {}
                for name, stored in prepared.items():
                    batch = rows[name][start : start + batch_size]
                    values = self.statistics[name].apply(torch.from_numpy(stored.values[batch]))
                    present = torch.from_numpy(stored.present[batch])
                    partial = self.model_input.modalities[name].traits.partial
                    signals[name] = observed(values, present, partial=partial).to(device)
                outputs.append(self.network(signals).to("cpu"))
        embeddings = [output.embedding for output in outputs if output.embedding is not None]
        return Output(
            logits=torch.cat([output.logits for output in outputs]),
            embedding=torch.cat(embeddings) if embeddings else None,
        )

    def save(self, folder: Path) -> None:
        """Write ``learner.yaml`` and the network's weights (``model.safetensors``, of trees ``model.txt``)."""
        with writing_folder(folder) as out:
            document = {
                "schema_version": 1,
                "network": self.network_config,
                **self.model_input.to_dict(),
                "target": self.target.to_dict(),
                "statistics": {name: fitted.to_dict() for name, fitted in self.statistics.items()},
            }
            (out / "learner.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
            (out / self.network.weights_file).write_bytes(self.network.dump_weights())

    @classmethod
    def load(cls, folder: Path, trust: Sequence[str] = ("medkd",)) -> FittedModel:
        """Read what ``save`` wrote; only classes of trusted packages are instantiated.

        Raises:
            InputError: it is missing, or names a class outside the allow list.
        """
        settings, weights = _files(folder)
        document = yaml.safe_load(settings.read_text(encoding="utf-8"))
        network = instantiate(document["network"], Network, trust)
        network.load_weights(weights.read_bytes(), folder)
        modalities = {name: instantiate(spec, Modality, trust) for name, spec in document["modalities"].items()}
        return cls(
            network=network.eval(),
            network_config=document["network"],
            model_input=ModelInput(document["view"], modalities),
            target=Target.from_dict(document["target"]),
            statistics={name: Statistics.from_dict(fitted) for name, fitted in document["statistics"].items()},
        )


class FrozenTeacher:
    """A fitted model that runs live beside its student, in eval mode and without gradients.

    It is not a module of the student: no ``train()`` reaches its BatchNorm, and no checkpoint holds it.

    Args:
        folder: of the saved model.

    Raises:
        InputError: there is none.
    """

    def __init__(self, folder: Path) -> None:
        self.sha256 = learner_sha256(folder)
        self.learner = FittedModel.load(folder)
        self.learner.network.eval().requires_grad_(False)

    def to(self, device: torch.device) -> None:
        """Move its network to the student's device."""
        self.learner.network.to(device)

    def __call__(self, signals: Mapping[str, Signal]) -> Output:
        """Its outputs on the student's own augmentation."""
        with torch.no_grad():
            output: Output = self.learner.network(signals)
        return output


def learner_sha256(folder: Path) -> str:
    """sha256 of a saved learner's weights and settings, by which banks and checkpoints recognise it.

    Of the settings too, since its statistics change its outputs.

    Raises:
        InputError: it is missing or incomplete.
    """
    return digest_of([digest_file(file) for file in _files(folder)])


def _files(folder: Path) -> tuple[Path, Path]:
    settings = folder / "learner.yaml"
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if not settings.is_file() or weights is None:
        raise InputError("no learner here", where=folder, remedy="Run its 'fit' stage first")
    return settings, weights
