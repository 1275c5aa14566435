"""Settings of a prediction run: each default is written here, and each value is checked here."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

from medkd.deploy.bundle.layout import RUNTIMES
from medkd.errors import InputError, nearest

ENGINES, PRECISIONS = ("local", "ray"), (16, 32)


@dataclass(frozen=True)
class PredictSettings:
    """How ``medkd predict`` computes, and what it writes.

    Args:
        shard: (part, parts), counted from 1: compute every parts-th chunk only.
        trust: packages beside medkd whose classes the bundle may name.
        require_signed: public key (PEM) by which the bundle must have been signed.
        batch_size: rows in each pass of the network.
        devices: auto, cpu, cuda (every GPU), or GPUs by number, such as "0,1".
        runtime: torch or onnx.
        precision: bits of a number inside the network: 16 is faster on a GPU, and rounds.
        workers: reading threads, by default one per core, at most 8; under Ray the number of actors, by default 2 on
            this machine and one per core or GPU of a cluster.
        retries: how often a record is tried again that disk or network refused for the moment.
        engine: local or ray.
        ray_address: of a running cluster; by default that in ``RAY_ADDRESS``, else one of two actors is started here.
        fhir: also write ``Device.ndjson``, and ``RiskAssessment.ndjson`` or ``Observation.ndjson``.
        dicom_sr: also write ``sr/``, a report for each record that is a DICOM object.

    Raises:
        InputError: a value is not allowed.
    """

    shard: tuple[int, int] = (1, 1)
    trust: tuple[str, ...] = ()
    require_signed: Path | None = None
    batch_size: int = 32
    devices: str = "auto"
    runtime: str = "torch"
    precision: int = 32
    workers: int | None = None
    retries: int = 2
    engine: str = "local"
    ray_address: str | None = None
    fhir: bool = False
    dicom_sr: bool = False

    def __post_init__(self) -> None:
        _check_shard(self.shard)
        for option, value, least in (
            ("--batch-size", self.batch_size, 1),
            ("--workers", self.workers, 1),
            ("--retries", self.retries, 0),
        ):
            if value is not None and value < least:
                raise InputError(f"{option} is {value}", where=option, remedy=f"Give at least {least}")
        for option, choice, choices in (
            ("--engine", self.engine, ENGINES),
            ("--runtime", self.runtime, RUNTIMES),
            ("--precision", self.precision, PRECISIONS),
        ):
            if choice not in choices:
                raise InputError(
                    f"no {option.lstrip('-')} '{choice}'",
                    where=option,
                    remedy=nearest(str(choice), map(str, choices)),
                )
        if self.runtime == "onnx" and self.precision != 32:
            raise InputError(
                "ONNX Runtime computes in the precision of model.onnx", where="--precision", remedy="Use --precision 32"
            )

    @classmethod
    def from_namespace(cls, namespace: argparse.Namespace) -> PredictSettings:
        """The settings of a command line; an option that is missing or None has its default."""
        options = {field.name: getattr(namespace, field.name, None) for field in fields(cls)}
        options["trust"] = tuple(options["trust"] or ())
        return cls(**{name: value for name, value in options.items() if value is not None})


def _check_shard(shard: object) -> None:
    match shard:
        case (int(part), int(parts)) if 1 <= part <= parts:
            return
    raise InputError(f"'{shard}' is not a shard", where="--shard", remedy="Write i/n with 1 <= i <= n, such as 2/4")


DEFAULTS = PredictSettings()
