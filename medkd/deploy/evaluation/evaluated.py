"""What is evaluated: a bundle, or a run that it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medkd.data.core.target import Target
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.layout import REPORT, read_target
from medkd.deploy.inference.plan import RUN
from medkd.errors import InputError
from medkd.evidence.report_schema import read_report


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation is of.

    Args:
        kind: of the evaluation.
        cohort: name of the cohort, or what the run was of.
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
    def of_run(
        cls, record: Mapping[str, Any], run: Path, bundle: Path | None, trust: Sequence[str], key: Path | None
    ) -> Evaluated:
        """From the run's bundle where that is given, else from what ``run.json`` says of it.

        Args:
            record: the run's ``run.json``.
            run: its folder.
            bundle: the bundle's folder.
            trust: packages beside medkd whose classes the bundle may name.
            key: public key by which the bundle must have been signed.

        Raises:
            InputError: the run was made with another bundle, or does not say what it predicted.
        """
        source = str(record.get("source", ""))
        if bundle is not None:
            loaded = Bundle.load(bundle, trust, key=key)
            if loaded.bundle_sha256 != record["plan"]["bundle_sha256"]:
                raise InputError(
                    "the run was made with another bundle", where=run, remedy="Give the bundle that made it, or none"
                )
            return cls(
                "follow-up", source, loaded.target, loaded.calibration.threshold, read_report(bundle / REPORT), loaded
            )
        if "target_config" not in record:
            remedy = "Name the bundle: medkd evaluate BUNDLE --predictions RUN --outcomes CSV"
            raise InputError("run.json does not say what was predicted", where=run, remedy=remedy)
        return cls(
            "follow-up",
            source,
            read_target(record["target_config"], str(run / RUN)),
            dict(record.get("threshold") or {}),
        )

    @property
    def rule(self) -> str:
        """What the bundle's threshold was chosen for; "" where that is not known."""
        return "" if self.bundle is None else str(self.bundle.calibration.operating_point.get("chosen_for", ""))
