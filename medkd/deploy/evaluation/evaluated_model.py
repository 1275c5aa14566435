"""The model under evaluation: a bundle, or the run that it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medkd.data.core.target import Target
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.layout import REPORT
from medkd.deploy.evaluation.settings import EvaluateSettings
from medkd.deploy.inference.run_record import RunRecord
from medkd.errors import InputError
from medkd.evidence.report_reader import read_report


@dataclass(frozen=True)
class EvaluatedModel:
    """The model that an evaluation is of.

    Args:
        kind: of the evaluation.
        cohort: name of the cohort, or the source of the run.
        target: what was predicted.
        threshold: by class, on the calibrated probability.
        report: the bundle's own ``report.json``, or nothing.
        bundle: None where only its run is at hand.
        in_sample: whether it was trained on a cohort of this name.
        psi: how far each input summary has moved (see ``input_shift``).
    """

    kind: Literal["external validation", "follow-up"]
    cohort: str
    target: Target
    threshold: Mapping[str, float | None]
    report: Mapping[str, Any] = field(default_factory=dict)
    bundle: Bundle | None = None
    in_sample: bool = False
    psi: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_run(cls, record: RunRecord, run: Path, bundle: Path | None, settings: EvaluateSettings) -> EvaluatedModel:
        """From the run's bundle where there is one, else from what ``run.json`` states.

        Args:
            record: the run's ``run.json``.
            run: its folder.
            bundle: the bundle's folder.
            settings: which packages and which signature to trust.

        Raises:
            InputError: the run was made with another bundle, or does not state what it predicted.
        """
        if bundle is not None:
            loaded = Bundle.load(bundle, settings.trust, key=settings.require_signed)
            if loaded.bundle_sha256 != record.bundle_sha256:
                raise InputError(
                    "the run was made with another bundle", where=run, remedy="Give the bundle that made it, or none"
                )
            report = read_report(bundle / REPORT)
            return cls("follow-up", record.source, loaded.target, loaded.threshold, report, loaded)
        if record.target_config is None:
            remedy = "Name the bundle: medkd evaluate BUNDLE --predictions RUN --outcomes CSV"
            raise InputError("run.json does not say what was predicted", where=run, remedy=remedy)
        return cls("follow-up", record.source, record.target_config, record.threshold)

    @property
    def rule(self) -> str:
        """The rule that the bundle's threshold was chosen by; "" where that is not known."""
        return "" if self.bundle is None else str(self.bundle.calibration.operating_point.get("chosen_for", ""))
