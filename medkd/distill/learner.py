"""What can be fitted, asked and kept."""

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
from medkd.data.core.signal import observed
from medkd.data.core.target import Target
from medkd.data.io.atomic import writing_folder
from medkd.data.io.digest import digest_file, digest_of
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import Prepared
from medkd.errors import InputError
from medkd.networks.network import Network

WEIGHTS = ("model.safetensors", "model.txt")
"""Names that a learner's weights may have."""


class Learner(ABC):
    """Something that was fitted on samples and can be asked about others.

    Attributes:
        model_input: what it sees.
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
    """A network that Lightning fitted, with the statistics of its training samples.

    Args:
        network: in eval mode.
        network_config: its ``class_path`` and ``init_args``.
        model_input: what it sees.
        target: what it predicts.
        statistics: of its training samples, by modality.
    """

    network: Network
    network_config: dict[str, Any]
    model_input: ModelInput
    target: Target
    statistics: dict[str, Statistics]

    def predict(self, prepared: Mapping[str, Prepared], sample_ids: Sequence[str], batch_size: int = 256) -> Output:
        """Outputs for samples in their order; embedding too where the network has one.

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
                    chosen = rows[name][start : start + batch_size]
                    values = self.statistics[name].apply(torch.from_numpy(stored.values[chosen]))
                    signals[name] = observed(
                        values,
                        torch.from_numpy(stored.present[chosen]),
                        partial=self.model_input.modalities[name].partial,
                    ).to(device)
                outputs.append(self.network(signals).to("cpu"))
        embeddings = [output.embedding for output in outputs if output.embedding is not None]
        return Output(
            logits=torch.cat([output.logits for output in outputs]),
            embedding=torch.cat(embeddings) if embeddings else None,
        )

    def save(self, folder: Path) -> None:
        """Write ``learner.yaml`` and the network's weights (``model.safetensors``, of trees ``model.txt``)."""
        with writing_folder(folder) as out:
            held = {
                "schema_version": 1,
                "network": self.network_config,
                **self.model_input.to_dict(),
                "target": self.target.to_dict(),
                "statistics": {name: fitted.to_dict() for name, fitted in self.statistics.items()},
            }
            (out / "learner.yaml").write_text(yaml.safe_dump(held, sort_keys=False), encoding="utf-8")
            (out / self.network.weights_file).write_bytes(self.network.dump_weights())

    @classmethod
    def load(cls, folder: Path, trust: Sequence[str] = ("medkd",)) -> FittedModel:
        """Read what ``save`` wrote; only classes of trusted packages are made.

        Raises:
            InputError: it is not there, or names a class outside the allow list.
        """
        settings, weights = _files(folder)
        held = yaml.safe_load(settings.read_text(encoding="utf-8"))
        network = instantiate(held["network"], Network, trust)
        network.load_weights(weights.read_bytes(), folder)
        modalities = {name: instantiate(spec, Modality, trust) for name, spec in held["modalities"].items()}
        return cls(
            network=network.eval(),
            network_config=held["network"],
            model_input=ModelInput(held["view"], modalities),
            target=Target.from_dict(held["target"]),
            statistics={name: Statistics.from_dict(fitted) for name, fitted in held["statistics"].items()},
        )


def learner_sha256(folder: Path) -> str:
    """sha256 of a saved learner, weights and settings (its statistics change its answers too), by which banks and checkpoints know it.

    Raises:
        InputError: it is not there, or not whole.
    """
    return digest_of([digest_file(file) for file in _files(folder)])


def _files(folder: Path) -> tuple[Path, Path]:
    settings = folder / "learner.yaml"
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if not settings.is_file() or weights is None:
        raise InputError("no learner here", where=folder, remedy="Run its 'fit' stage first")
    return settings, weights
