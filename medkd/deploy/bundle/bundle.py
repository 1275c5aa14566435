"""Bundle: a student with its preprocessing, calibration and card, in one folder that is checked byte for byte."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from medkd.data.core.instantiate import check_trusted
from medkd.data.core.modality import Modality
from medkd.data.core.signal import observed
from medkd.data.core.target import Target
from medkd.data.core.view import View
from medkd.data.io.atomic import writing_folder
from medkd.data.loading.statistics import Statistics
from medkd.deploy.bundle.calibration import UPGRADES, Calibration
from medkd.deploy.bundle.checksums import SUMS, read_checked
from medkd.deploy.bundle.config import BundleConfig
from medkd.deploy.bundle.drift import Drift, DriftDocument
from medkd.deploy.bundle.layout import CALIBRATION, CONFIG, DRIFT, OWN, PREPROCESS
from medkd.deploy.bundle.preprocessing import Prepared, Preprocessing, PreprocessingDocument
from medkd.deploy.bundle.runtime import open_network
from medkd.deploy.bundle.schema_version import read_versioned
from medkd.deploy.bundle.signature import check_signature
from medkd.deploy.bundle.writer import refuse_other_content, write_files
from medkd.errors import InputError
from medkd.evidence.calibration.conformal import Conformal
from medkd.networks.network import Network


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle, ready to score.

    Args:
        network: in eval mode, without gradients.
        target: what it predicts.
        preprocessing: view, modalities, statistics, record lengths.
        calibration: temperature, thresholds.
        model_sha256: digest of the file that the network was read from: its weights, or its graph.
        bundle_sha256: digest of everything: of ``SHA256SUMS``.
        conformal: quantiles of the conformal sets; None in a bundle that was written without.
        drift: the input-drift reference; None in a bundle that was written without.
    """

    network: Network
    target: Target
    preprocessing: Preprocessing
    calibration: Calibration
    model_sha256: str
    bundle_sha256: str
    conformal: Conformal | None = None
    drift: Drift | None = None

    @classmethod
    def write(
        cls,
        out: Path,
        learner: Path,
        calibration: Mapping[str, Any],
        report: Mapping[str, Any],
        *,
        card: Mapping[str, Any] | None = None,
        provenance: Mapping[str, Any] | None = None,
        length: Mapping[str, str] | None = None,
        drift: Mapping[str, Any] | None = None,
        trust: Sequence[str] = (),
    ) -> Self:
        """Write ``out`` whole or not at all, and load it as a hospital will.

        Args:
            out: the bundle's folder; an older bundle there is replaced.
            learner: folder with ``learner.yaml`` and the weights.
            calibration: ``temperature``, ``threshold``, ``obtained``, ``operating_point``, ``conformal`` (see
                ``Calibration``).
            report: the run's ``report.json``.
            card: facts for the card that the report does not hold (see ``CardFacts``).
            provenance: digests and versions beside those of the report.
            length: ``longer`` and ``shorter`` where they are to differ from training, e.g. ``{"longer": "windows"}``.
            drift: the input-drift reference (see ``Drift.to_dict``).
            trust: packages beside medkd whose classes it may name.

        Raises:
            InputError: ``out`` holds something else, the learner cannot be read, or a part would hold patients' rows.
        """
        out = Path(out)
        refuse_other_content(out)
        with writing_folder(out) as folder:
            write_files(
                folder,
                Path(learner),
                calibration,
                report,
                card=card or {},
                provenance=provenance or {},
                length=length or {},
                drift=drift,
                trust=trust,
            )
            bundle = cls.load(folder, trust)
        return bundle

    @classmethod
    def load(cls, folder: Path, trust: Sequence[str] = (), *, runtime: str = "torch", key: Path | None = None) -> Self:
        """Check every byte, then every class name, and only then build.

        Args:
            folder: the bundle.
            trust: packages beside medkd whose classes it may name.
            runtime: torch, or onnx: the network's class is then neither imported nor needed.
            key: a public key (PEM) that the bundle must be signed with.

        Raises:
            InputError: a file is missing, changed, extra or newer than this medkd; a class is not allowed; weights do
                not fit; it is not signed with ``key``.
        """
        files = read_checked(Path(folder))
        if key is not None:
            check_signature(files, key, f"bundle {folder}")
        for name in (CONFIG, PREPROCESS, CALIBRATION):
            if name not in files:
                raise InputError(
                    f"file '{name}' is missing",
                    where=f"bundle {folder}",
                    remedy="Copy the bundle again from its source",
                )
        where = f"bundle {folder}, "
        config = read_versioned(BundleConfig, files[CONFIG], where + CONFIG)
        document = read_versioned(PreprocessingDocument, files[PREPROCESS], where + PREPROCESS)
        calibration = read_versioned(Calibration, files[CALIBRATION], where + CALIBRATION, UPGRADES)
        allowed = (*OWN, *trust)
        if runtime != "onnx":
            check_trusted(config.network, allowed, where + CONFIG)
        check_trusted(document.modalities, allowed, where + PREPROCESS)
        config.check_outputs(where + CONFIG)
        target = config.target
        network, weights = open_network(runtime, config.network, files, allowed, f"bundle {folder}")
        preprocessing = Preprocessing.from_document(document, allowed, where + PREPROCESS)
        calibration = calibration.for_classes(target.names, where + CALIBRATION)
        quantiles, drift = calibration.conformal, None
        if DRIFT in files:
            reference = read_versioned(DriftDocument, files[DRIFT], where + DRIFT)
            drift = Drift.from_document(reference, preprocessing, where + DRIFT)
        return cls(
            network,
            target,
            preprocessing,
            calibration,
            hashlib.sha256(weights).hexdigest(),
            hashlib.sha256(files[SUMS]).hexdigest(),
            None if quantiles is None else Conformal.from_dict(quantiles, target, where + CALIBRATION),
            drift,
        )

    @property
    def view(self) -> View:
        """The part of a sample that the network sees."""
        return self.preprocessing.view

    @property
    def modalities(self) -> Mapping[str, Modality]:
        """The modalities of the view, by name."""
        return self.preprocessing.modalities

    @property
    def statistics(self) -> Mapping[str, Statistics]:
        """Means and deviations by modality."""
        return self.preprocessing.statistics

    @property
    def temperature(self) -> float:
        """Logits are divided by this number."""
        return self.calibration.temperature

    @property
    def threshold(self) -> Mapping[str, float | None]:
        """Threshold of each class, on the calibrated probability; None where no decision is made."""
        return self.calibration.threshold

    def prepare(self, row: Mapping[str, Any], root: Path, values: dict[str, int] | None = None) -> Prepared:
        """One sample, read, selected, prepared and normalised: modality → "window channel ...".

        Args:
            row: modality → path of its signal, relative to ``root``.
            values: filled with the numbers of values used and set aside, see ``Preprocessing.prepare``.

        Raises:
            RecordError: it cannot be used.
        """
        return self.preprocessing.prepare(row, root, values)

    def logits(self, prepared: Sequence[Prepared | None], rows: int | None = None) -> NDArray[np.float64]:
        """Logits "sample output", the mean over a sample's windows; NaN where ``prepared`` is None.

        Args:
            prepared: samples; None leaves its row free.
            rows: windows in each pass of the network, the last one filled with zeros, so that its arithmetic does not
                depend on how many samples there are; by default one pass for all.
        """
        counts = [0 if sample is None else len(next(iter(sample.values()))) for sample in prepared]
        logits = np.full((len(prepared), self.target.outputs), np.nan)
        if not any(counts):
            return logits
        # A free row is filled with zeros rather than closed up, so that its neighbours keep theirs.
        values = {}
        for part in self.view.parts:
            shape = self.modalities[part.modality].shape(part)
            empty = np.zeros((1, *shape), dtype=np.float32)
            values[part.modality] = np.concatenate(
                [empty if sample is None else sample[part.modality] for sample in prepared]
            )
        total = len(next(iter(values.values())))
        size = rows or total
        passes = [
            self._forward({name: part[start : start + size] for name, part in values.items()}, size)
            for start in range(0, total, size)
        ]
        scored = np.concatenate(passes)[:total]
        start = 0
        for index, count in enumerate(counts):
            if count:
                logits[index] = scored[start : start + count].mean(axis=0)
            start += max(count, 1)
        return logits

    def probabilities(
        self, prepared: Sequence[Prepared | None], rows: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Raw and calibrated probabilities, each "sample output" (see ``logits``)."""
        logits = torch.from_numpy(self.logits(prepared, rows))
        return self.target.probabilities(logits).numpy(), self.target.probabilities(logits / self.temperature).numpy()

    def sets(self, calibrated: NDArray[np.float64]) -> list[str | None]:
        """Each item's conformal set as text (see ``Conformal.sets``).

        None where there is no probability, or the bundle has no quantiles.

        Args:
            calibrated: "sample output", from ``probabilities``.
        """
        if self.conformal is None:
            return [None] * len(calibrated)
        return [
            text if np.isfinite(row).all() else None
            for text, row in zip(self.conformal.sets(calibrated), calibrated, strict=True)
        ]

    def drift_of(self, prepared: Prepared) -> float | None:
        """Distance of a sample's input from the training samples, above 1 further than 99 % of them.

        None without a reference.
        """
        return None if self.drift is None else self.drift.distance(prepared)

    def to(self, device: torch.device | str) -> Self:
        """The same bundle with its network on another device."""
        return dataclasses.replace(self, network=self.network.to(device))

    def _forward(self, values: Mapping[str, NDArray[np.float32]], size: int) -> NDArray[np.float64]:
        device = next((parameter.device for parameter in self.network.parameters()), torch.device("cpu"))
        signals = {}
        for name, part in values.items():
            filled = (
                np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), dtype=np.float32)])
                if len(part) < size
                else part
            )
            present = torch.ones(len(filled), dtype=torch.bool)
            signals[name] = observed(
                torch.from_numpy(np.ascontiguousarray(filled)), present, partial=self.modalities[name].traits.partial
            ).to(device)
        with torch.inference_mode():
            logits = self.network(signals).logits.double().cpu().numpy()
        if logits.shape != (size, self.target.outputs):
            raise InputError(
                f"network returned logits {logits.shape}, expected {(size, self.target.outputs)}", where="bundle"
            )
        result: NDArray[np.float64] = logits
        return result
