"""DICOM structured reports of a finished run, each referring to the DICOM objects that the model saw."""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from medkd import __version__
from medkd.data.io.load import read_table
from medkd.data.io.private import sweep_temporaries, writing_private
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.card.card_schema import INTENDED_USE
from medkd.deploy.inference.formats.sr_source import read_source
from medkd.deploy.inference.items import Items
from medkd.deploy.inference.manifest import EVENT_COLUMNS
from medkd.deploy.inference.plan import PARQUET
from medkd.deploy.inference.predictions import CALIBRATED, OK, RAW, escape_formulas
from medkd.deploy.inference.pseudonym import Pseudonyms
from medkd.deploy.inference.quarantine import attempt
from medkd.evidence.calibration.conformal import VALUES

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept, ComprehensiveSR
    from pydicom import Dataset

SR, FAILED = "sr", "failed.csv"
SCHEME = "99MEDKD"
"""Designator of our own codes: DICOM leaves those that begin with 99 to private use (PS3.16, 8)."""
_SUFFIXES = (".dcm", ".DCM", ".dicom")
_log = logging.getLogger("medkd.deploy")


@dataclass(frozen=True)
class Reports:
    """Counts of a run's reports.

    Args:
        written: reports that are there now, those of an earlier call among them.
        failed: DICOM objects of which none could be made; ``sr/failed.csv`` says why.
        others: scored items that are not DICOM objects.
    """

    written: int
    failed: int
    others: int


def write_dicom_sr(out: Path, bundle: Bundle, items: Items) -> Reports:
    """Write ``sr/PSEUDONYM.dcm`` for each scored item whose file is DICOM; a report that is there already is left.

    An object of which no report can be made is named with its reason in ``sr/failed.csv``; the others are still
    written.

    Args:
        out: the run's folder, with ``predictions.parquet``.
        bundle: that scored it.
        items: of the run, for their files.

    Raises:
        InputError: there is no table of predictions.
        ModuleNotFoundError: highdicom is not installed.
    """
    import highdicom  # noqa: F401 - before the first item, not once for each.

    table = (
        read_table(out / PARQUET)
        .filter(pl.col("status") == OK)
        .join(items.table, on="sample_id", how="left", maintain_order="left")
    )
    folder, names = out / SR, Pseudonyms.for_folder(out)
    folder.mkdir(mode=0o700, exist_ok=True)
    sweep_temporaries(folder)
    columns = [name for name in items.table.columns if name not in ("sample_id", "subject_id", *EVENT_COLUMNS)]
    taken: set[str] = set()
    others, failed = 0, []
    for row in table.iter_rows(named=True):
        candidates = (_dicom_at(items.root / row[name]) for name in columns if row[name])
        sources = [path for path in candidates if path is not None]
        if not sources:
            others += 1
            continue
        path = folder / f"{_free(names.hash(row['sample_id']).removeprefix('id:'), taken)}.dcm"
        if path.exists():
            continue
        made = attempt(lambda row=row, sources=sources, path=path: _write(path, row, sources, bundle), lambda: 0.0)  # type: ignore[misc]
        if made.reason is not None:
            failed.append((row["sample_id"], made.reason))
            _log.warning("no structured report of %s", names.hash(row["sample_id"]))
    if failed:
        reasons = pl.DataFrame(failed, schema={"item": pl.String, "reason": pl.String}, orient="row")
        with writing_private(folder / FAILED) as temporary:
            escape_formulas(reasons).write_csv(temporary)
    else:
        (folder / FAILED).unlink(missing_ok=True)
    return Reports(len(taken) - len(failed), len(failed), others)


def structured_report(sources: list[Dataset], row: Mapping[str, Any], bundle: Bundle) -> ComprehensiveSR:
    """A Comprehensive SR in the study of its first source.

    Args:
        sources: DICOM objects that the model saw, as ``read_source`` returns them.
        row: of the table of predictions.
        bundle: that scored it.
    """
    from highdicom.sr import ComprehensiveSR

    # The same item of the same bundle has the same UID, so that a report sent twice is one report.
    seed = f"{bundle.bundle_sha256}:{sources[0].SOPInstanceUID}:{row['sample_id']}"
    with warnings.catch_warnings():
        # Of names that it would write otherwise: they are the source's own.
        warnings.simplefilter("ignore")
        report = ComprehensiveSR(
            evidence=sources,
            content=_content(sources, row, bundle),
            series_instance_uid=_uid(f"series:{bundle.bundle_sha256}:{sources[0].StudyInstanceUID}"),
            series_number=1,
            sop_instance_uid=_uid(seed),
            instance_number=1,
            manufacturer="medkd",
            manufacturer_model_name=bundle.target.key[:64],
            software_versions=__version__,
            series_description=f"Model output. {INTENDED_USE}"[:64],
            is_complete=True,
            is_final=False,
            is_verified=False,
        )
    waveforms = {source.SOPInstanceUID for source in sources if "WaveformSequence" in source}
    for item in report.ContentSequence:
        for pointer in item.get("ContentSequence") or ():
            # highdicom writes such a pointer, but cannot read the one it wrote, which it does at once; the two differ
            # in this word alone.
            if (
                pointer.ValueType == "COMPOSITE"
                and pointer.ReferencedSOPSequence[0].ReferencedSOPInstanceUID in waveforms
            ):
                pointer.ValueType = "WAVEFORM"
    return report


def _content(sources: list[Dataset], row: Mapping[str, Any], bundle: Bundle) -> Dataset:
    """The document's tree: observer, intended use, and one number per class, inferred from the sources."""
    from highdicom.sr import ContainerContentItem, DeviceObserverIdentifyingAttributes, ObserverContext, TextContentItem
    from pydicom import Sequence
    from pydicom.sr.codedict import codes

    root = ContainerContentItem(_code("model-output", "Model output"))
    device = DeviceObserverIdentifyingAttributes(
        uid=_uid(f"bundle:{bundle.bundle_sha256}"),
        name="medkd",
        model_name=bundle.target.key,
        serial_number=bundle.bundle_sha256,
    )
    items: list[Dataset] = list(ObserverContext(codes.DCM.Device, device))
    texts = [("intended-use", "Intended use", INTENDED_USE), ("bundle-sha256", "Bundle digest", bundle.bundle_sha256)]
    if row["set"] is not None:
        texts.append(("conformal-set", "Conformal set", str(row["set"])))
    items += [
        TextContentItem(_code(code, meaning), text, relationship_type="CONTAINS") for code, meaning, text in texts
    ]
    for name in bundle.target.names:
        items += _numbers(name, row, bundle, sources)
    if row["drift"] is not None:
        items += _number(
            _code("input-drift", "Input drift, above 1 is flagged"), float(row["drift"]), _ucum("1", "no units")
        )
    root.ContentSequence = Sequence(items)
    return root


def _numbers(name: str, row: Mapping[str, Any], bundle: Bundle, sources: list[Dataset]) -> list[Dataset]:
    from highdicom.sr import AlgorithmIdentification

    target, threshold = bundle.target, bundle.calibration.threshold.get(name)
    known = [] if threshold is None else [f"threshold {threshold:.6g} on the calibrated probability"]
    algorithm = AlgorithmIdentification(
        name=f"medkd {target.key}",
        version=bundle.model_sha256,
        parameters=[f"sees {bundle.view}", *known, INTENDED_USE],
    )
    if target.kind in VALUES:
        unit = _ucum(target.units, target.units) if target.units else _ucum("1", "no units")
        value = float(row[f"{RAW}{name}"])
    else:
        unit, value = _ucum("{probability}", "probability"), float(row[f"{CALIBRATED}{name}"])
    return _number(_code(_slug(name), f"Predicted: {name}"), value, unit, algorithm, sources)


def _number(
    name: CodedConcept, value: float, unit: CodedConcept, algorithm: Any = None, sources: list[Dataset] | None = None
) -> list[Dataset]:
    from highdicom.sr import Measurement
    from pydicom import Sequence
    from pydicom.sr.codedict import codes

    made: list[Any] = [*Measurement(name=name, value=float(f"{value:.6g}"), unit=unit, algorithm_id=algorithm)]
    for item in made:
        item.RelationshipType = "CONTAINS"
        content = list(item.get("ContentSequence") or [])
        content += [_reference(codes.DCM.SourceOfMeasurement, source) for source in sources or ()]
        if content:
            item.ContentSequence = Sequence(content)
    return made


def _reference(name: Any, source: Dataset) -> Dataset:
    """A pointer to a source: an image, or any other object; a waveform is named as such at the end."""
    from highdicom.sr import CompositeContentItem, ImageContentItem

    kind: Any = ImageContentItem if "Rows" in source else CompositeContentItem
    item: Dataset = kind(name, source.SOPClassUID, source.SOPInstanceUID, relationship_type="INFERRED FROM")
    return item


def _write(path: Path, row: Mapping[str, Any], sources: list[Path], bundle: Bundle) -> None:
    report = structured_report([read_source(source) for source in sources], row, bundle)
    with writing_private(path) as temporary:
        report.save_as(temporary, enforce_file_format=True)


def _dicom_at(path: Path) -> Path | None:
    """The DICOM file at a path, which may be written without its suffix; None where there is another file, or none."""
    from pydicom.misc import is_dicom

    for candidate in (path, *(path.with_name(path.name + suffix) for suffix in _SUFFIXES)):
        if candidate.is_file():
            return candidate if is_dicom(candidate) else None
    return None


def _free(stem: str, taken: set[str]) -> str:
    """A name that no other item of the run has: a pseudonym has 40 bits, and a run may have many items."""
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}-{count}"
    taken.add(name)
    return name


def _code(value: str, meaning: str) -> CodedConcept:
    from highdicom.sr import CodedConcept

    return CodedConcept(value=value[:16], scheme_designator=SCHEME, meaning=meaning[:64])


def _ucum(value: str, meaning: str) -> CodedConcept:
    from highdicom.sr import CodedConcept

    return CodedConcept(value=value[:16], scheme_designator="UCUM", meaning=meaning[:64])


def _slug(name: str) -> str:
    """A class as a code value of at most 16 characters; a long one is cut, with a digest that makes it unique."""
    plain = "-".join("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())
    return plain if 0 < len(plain) <= 16 else f"{plain[:9]}-{uuid.uuid5(uuid.NAMESPACE_URL, name).hex[:6]}"


def _uid(seed: str) -> str:
    """A UID that follows from its seed, under the root that needs no registration (PS3.5, B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, seed).int}"
