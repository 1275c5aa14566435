"""What a hospital gets: a student with its preprocessing, calibration and card, in one folder that is checked byte for byte."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from medkd.data.atomic import writing_folder
from medkd.data.instantiate import check_trusted, instantiate
from medkd.data.modality import Modality
from medkd.data.signal import observed
from medkd.data.statistics import Statistics
from medkd.data.target import Kind, Target
from medkd.data.view import View
from medkd.deploy.aggregates import aggregates_of, refuse_patients
from medkd.deploy.calibration import Calibration
from medkd.deploy.card import make_card, render_card
from medkd.deploy.checksums import SUMS, read_checked, write_sums
from medkd.deploy.preprocessing import Prepared, Preprocessing
from medkd.deploy.schema_version import read_versioned
from medkd.distill.learner import WEIGHTS
from medkd.errors import InputError
from medkd.networks.network import Network

VERSION = 1
OWN = ("medkd",)
LEARNER = "learner.yaml"
CONFIG, PREPROCESS, CALIBRATION, REPORT = "config.yaml", "preprocess.yaml", "calibration.json", "report.json"


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle, ready to score.

    Args:
        network: in eval mode, without gradients.
        target: what it predicts.
        preprocessing: view, modalities, statistics, record lengths.
        calibration: temperature, thresholds.
        model_sha256: digest of the weights' file.
        bundle_sha256: digest of everything: of ``SHA256SUMS``.
    """

    network: Network
    target: Target
    preprocessing: Preprocessing
    calibration: Calibration
    model_sha256: str
    bundle_sha256: str

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
        trust: Sequence[str] = (),
    ) -> Self:
        """Write ``out`` whole or not at all, and load it as a hospital will.

        Args:
            out: the bundle's folder; an older bundle there is replaced.
            learner: folder with ``learner.yaml`` and the weights.
            calibration: ``temperature``, ``threshold``, ``obtained``, ``operating_point`` (see ``Calibration``).
            report: the run's ``report.json``.
            card: facts for the card that the run does not know: ``purpose``, ``licence`` of the data.
            provenance: digests and versions beside those of the report.
            length: ``longer`` and ``shorter`` where they are to differ from training, e.g. ``{"longer": "windows"}``.
            trust: packages beside medkd whose classes it may name.

        Raises:
            InputError: ``out`` holds something else, the learner cannot be read, or a part would hold patients' rows.
        """
        out, learner = Path(out), Path(learner)
        if out.exists() and not (out / SUMS).exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"{out} holds something other than a bundle", remedy="Give a new folder")
        held = next((learner / name for name in WEIGHTS if (learner / name).is_file()), None)
        if held is None or not (learner / LEARNER).is_file():
            lacking = " or ".join(WEIGHTS) if (learner / LEARNER).is_file() else LEARNER
            raise InputError(f"{learner} holds no {lacking}", remedy="Give a folder that a learner was saved to")
        refuse_patients(report, REPORT)
        refuse_patients(calibration, CALIBRATION)
        fitted = read_versioned(
            (learner / LEARNER).read_bytes(),
            str(learner / LEARNER),
            current=VERSION,
            keys=("network", "view", "modalities", "target", "statistics"),
            optional=("name", "kind"),
        )
        check_trusted([fitted["network"], fitted["modalities"]], (*OWN, *trust))
        target = read_target(fitted["target"], LEARNER)
        prepared = Preprocessing.read(fitted, (*OWN, *trust), LEARNER).with_length(length or {})
        weights = held.read_bytes()
        tuned = Calibration.read(calibration, target.names, CALIBRATION)
        facts = make_card(report, target, prepared, tuned, weights, card or {}, provenance or {})
        refuse_patients(facts, "card.json")
        with writing_folder(out) as folder:
            config = {"network": fitted["network"], "target": target.spec(), "outputs": list(target.names)}
            _write_yaml(folder / CONFIG, config)
            _write_yaml(folder / PREPROCESS, prepared.document())
            _write_json(folder / CALIBRATION, tuned.document())
            _write_json(folder / REPORT, aggregates_of(report))
            _write_json(folder / "card.json", facts)
            (folder / "CARD.md").write_text(render_card({"schema_version": VERSION, **facts}), encoding="utf-8")
            (folder / held.name).write_bytes(weights)
            write_sums(folder)
            bundle = cls.load(folder, trust)
        return bundle

    @classmethod
    def load(cls, folder: Path, trust: Sequence[str] = ()) -> Self:
        """Check every byte, then every name, and only then build.

        Args:
            folder: the bundle.
            trust: packages beside medkd whose classes it may name.

        Raises:
            InputError: a file is missing, changed, extra or newer than this medkd; a class is not allowed; weights do not fit.
        """
        files = read_checked(Path(folder))
        for name in (CONFIG, PREPROCESS, CALIBRATION):
            if name not in files:
                raise InputError(f"file '{name}' is missing", where=f"bundle {folder}", remedy="Copy the bundle again from its source")
        where = f"bundle {folder}, "
        config = read_versioned(files[CONFIG], where + CONFIG, current=VERSION, keys=("network", "target", "outputs"))
        preprocess = read_versioned(files[PREPROCESS], where + PREPROCESS, current=VERSION, keys=("view", "modalities", "statistics"))
        tuned = read_versioned(
            files[CALIBRATION],
            where + CALIBRATION,
            current=VERSION,
            keys=("temperature", "threshold"),
            optional=("obtained", "operating_point"),
        )
        allowed = (*OWN, *trust)
        check_trusted(config, allowed, where + CONFIG)
        check_trusted(preprocess, allowed, where + PREPROCESS)
        target = read_target(config["target"], where + CONFIG)
        if list(target.names) != config["outputs"]:
            raise InputError(f"outputs {config['outputs']} are not the target's {list(target.names)}", where=where + CONFIG)
        network: Network = instantiate(config["network"], Network, allowed)
        if network.weights_file not in files:
            raise InputError(
                f"file '{network.weights_file}' is missing", where=f"bundle {folder}", remedy="Copy the bundle again from its source"
            )
        weights = files[network.weights_file]
        network.load_weights(weights, where + network.weights_file)
        return cls(
            network.eval().requires_grad_(False),
            target,
            Preprocessing.read(preprocess, allowed, where + PREPROCESS),
            Calibration.read(tuned, target.names, where + CALIBRATION),
            hashlib.sha256(weights).hexdigest(),
            hashlib.sha256(files[SUMS]).hexdigest(),
        )

    @property
    def view(self) -> View:
        """What the network sees."""
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
        """Logits are divided by it."""
        return self.calibration.temperature

    @property
    def threshold(self) -> Mapping[str, float | None]:
        """By class, on the calibrated probability."""
        return self.calibration.threshold

    def prepare(self, row: Mapping[str, Any], root: Path) -> Prepared:
        """One sample, read, selected, prepared and normalised: modality → "window channel ...".

        Args:
            row: modality → where its signal lies, relative to ``root``.

        Raises:
            RecordError: it cannot be used.
        """
        return self.preprocessing.prepare(row, root)

    def logits(self, prepared: Sequence[Prepared | None], rows: int | None = None) -> NDArray[np.float64]:
        """Logits "sample output", the mean over a sample's windows; NaN where ``prepared`` is None.

        Args:
            prepared: samples; None keeps a place free.
            rows: windows in each pass of the network, the last one filled with zeros, so that its arithmetic does not
                depend on how many samples there are; by default one pass for all.
        """
        counts = [0 if sample is None else len(next(iter(sample.values()))) for sample in prepared]
        found = np.full((len(prepared), self.target.outputs), np.nan)
        if not any(counts):
            return found
        # A free place is filled with zeros rather than closed up, so that its neighbours keep theirs.
        values = {}
        for part in self.view.parts:
            shape = self.modalities[part.modality].shape(part)
            empty = np.zeros((1, *shape), dtype=np.float32)
            values[part.modality] = np.concatenate([empty if sample is None else sample[part.modality] for sample in prepared])
        total = len(next(iter(values.values())))
        size = rows or total
        passes = [
            self._forward({name: part[start : start + size] for name, part in values.items()}, size) for start in range(0, total, size)
        ]
        scored = np.concatenate(passes)[:total]
        start = 0
        for index, count in enumerate(counts):
            if count:
                found[index] = scored[start : start + count].mean(axis=0)
            start += max(count, 1)
        return found

    def probabilities(
        self, prepared: Sequence[Prepared | None], rows: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Raw and calibrated probabilities, each "sample output" (see ``logits``)."""
        logits = torch.from_numpy(self.logits(prepared, rows))
        return self.target.probabilities(logits).numpy(), self.target.probabilities(logits / self.temperature).numpy()

    def to(self, device: torch.device | str) -> Self:
        """The same bundle with its network on another device."""
        return dataclasses.replace(self, network=self.network.to(device))

    def _forward(self, values: Mapping[str, NDArray[np.float32]], size: int) -> NDArray[np.float64]:
        device = next((parameter.device for parameter in self.network.parameters()), torch.device("cpu"))
        signals = {}
        for name, part in values.items():
            filled = np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), dtype=np.float32)]) if len(part) < size else part
            here = torch.ones(len(filled), dtype=torch.bool)
            signals[name] = observed(torch.from_numpy(np.ascontiguousarray(filled)), here, partial=self.modalities[name].partial).to(device)
        with torch.inference_mode():
            logits = self.network(signals).logits.double().cpu().numpy()
        if logits.shape != (size, self.target.outputs):
            raise InputError(f"network returned logits {logits.shape}, expected {(size, self.target.outputs)}", where="bundle")
        result: NDArray[np.float64] = logits
        return result


def read_target(document: Any, where: str) -> Target:
    """A target from plain values.

    Raises:
        InputError: a key is missing or unknown.
    """
    keys = {field.name for field in dataclasses.fields(Target)}
    if not isinstance(document, Mapping) or not set(document) <= keys or not {"key", "kind", "columns"} <= set(document):
        raise InputError("target cannot be read", where=where, remedy=f"It takes: {', '.join(sorted(keys))}")
    found = Target.of(document)
    if found.kind not in get_args(Kind) or not found.columns or not isinstance(found.columns, tuple):
        raise InputError("target cannot be read", where=where, remedy=f"Its kind is one of: {', '.join(get_args(Kind))}; columns is a list")
    return found


def _write_yaml(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump({"schema_version": VERSION, **document}, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({"schema_version": VERSION, **document}, indent=1, allow_nan=False) + "\n", encoding="utf-8")
