"""Source of the viewer's cases: any input of ``medkd predict``, or the folder of a run of ``medkd distill``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medkd import registry
from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import Modality
from medkd.data.io.atomic import writing_folder
from medkd.data.io.load import read_json, read_table
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.items import Items, find_items
from medkd.deploy.inference.manifest import EVENT_COLUMNS
from medkd.errors import InputError
from medkd.pipeline.prepared_cohort import FILE, PreparedCohort, trusted

MANIFEST = "manifest.parquet"
_SIGNALS = "signals-"


@dataclass(frozen=True)
class CaseSource:
    """Cases, each with files of its own.

    Args:
        items: one per case; there may be columns of the teacher's modalities beside the student's.
        path: the input of ``medkd predict`` that scores them; None if ``predict_input`` must write one.
        run: the folder of the run that they come from, if any.
        cohort: the root of the cohort that they come from, if any.
        teacher: modalities that only the teacher saw, by name.
        signals: a temporary folder of their signals, to be removed when the viewer ends.
    """

    items: Items
    path: Path | None
    run: Path | None = None
    cohort: Path | None = None
    teacher: Mapping[str, Modality] = field(default_factory=dict)
    signals: Path | None = None

    def predict_input(self, scratch: Path, modalities: Mapping[str, Modality]) -> Path:
        """The input of ``medkd predict``: ``path``, else a manifest in ``scratch`` with links to the files."""
        if self.path is not None:
            return self.path
        columns = [
            "sample_id",
            "subject_id",
            *(name for name in EVENT_COLUMNS if name in self.items.table.columns),
            *modalities,
        ]
        table = self.items.table.select(columns)
        for path in {path for name in modalities for path in table[name].drop_nulls()}:
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            _link(self.items.root / path, scratch / path)
        table.write_parquet(scratch / MANIFEST)
        return scratch / MANIFEST


def find_source(cases: Path, bundle: Bundle, data: Path) -> CaseSource:
    """The cases of ``--cases``.

    Args:
        cases: a folder of files, a cohort's root, a manifest, or the folder of a run.
        data: the viewer's own folder; signals in tables shared by many cases are copied below it (mode 0700).

    Raises:
        InputError: there is nothing to show, or a run's signals cannot be found any more.
    """
    if (cases / FILE).is_file() and PreparedCohort.samples_file(cases).is_file():
        return _of_run(cases, bundle)
    items = find_items(cases, bundle.modalities, bundle.target.key, registry=registry)
    cohort = cases if items.source.startswith("cohort ") else None
    if items.extract is None:
        return CaseSource(items, cases, cohort=cohort)
    folder = data / f"{_SIGNALS}{items.digest[:16]}"
    if not folder.is_dir():
        with writing_folder(folder) as temporary:
            items.extracted_to(temporary).table.write_parquet(temporary / MANIFEST)
        folder.chmod(0o700)
    return CaseSource(Items(read_table(folder / MANIFEST), folder, items.source), None, cohort=cohort, signals=folder)


def _of_run(run: Path, bundle: Bundle) -> CaseSource:
    prepared = read_json(run / FILE)
    try:
        root, cohort, key = Path(prepared["root"]), str(prepared["name"]), prepared["target"]["key"]
        teacher_input = prepared["model_inputs"]["teacher"]
        teacher = {
            name: instantiate(spec, Modality, trust=trusted(teacher_input))
            for name, spec in teacher_input["modalities"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{FILE} is damaged: it lacks {error}", where=run, remedy="Give the records' folder with --cases"
        ) from error
    if key != bundle.target.key:
        raise InputError(
            f"the run predicts {key}, the bundle {bundle.target.key}",
            where=run,
            remedy="Give the run that the bundle came from, or the records themselves",
        )
    # A run whose folder was moved holds its extracted signals itself.
    signals = next((folder for folder in (root, run / root.name) if folder.is_dir()), None)
    if signals is None:
        raise InputError(
            f"the run's signals are no longer in {root}", where=run, remedy="Give the records' folder with --cases"
        )
    samples = read_table(PreparedCohort.samples_file(run))
    if lacking := [name for name in bundle.modalities if name not in samples.columns]:
        raise InputError(
            f"the run's samples have no {lacking[0]}", where=run, remedy="Give the run that the bundle came from"
        )
    teacher_only = {name: modality for name, modality in teacher.items() if name not in bundle.modalities}
    columns = [
        "sample_id",
        "subject_id",
        *(name for name in (*EVENT_COLUMNS, *bundle.modalities, *teacher_only) if name in samples.columns),
    ]
    items = Items(samples.select(columns).sort("sample_id"), signals, f"run of cohort {cohort}")
    is_cohort = (signals / registry.cohort(cohort).marker).exists()
    return CaseSource(items, signals if is_cohort else None, run=run, teacher=teacher_only)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(source, target)
