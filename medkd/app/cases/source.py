"""Where the viewer's cases lie: whatever ``medkd predict`` takes, or the folder of a run of ``medkd distill``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import Modality
from medkd.data.io.atomic import writing_folder
from medkd.data.io.load import read_json, read_table
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.manifest import STRETCH, Items, find_items
from medkd.errors import InputError
from medkd.pipeline.inputs import Inputs, trusted
from medkd.registry import find_cohort

INPUTS, MANIFEST = "inputs.json", "manifest.parquet"
_SIGNALS = "signals-"


@dataclass(frozen=True)
class CaseSource:
    """Cases, each with files of its own.

    Args:
        items: one a case; beside the columns of the student's modalities there may be those of the teacher.
        given: what ``medkd predict`` can be given to score them; None where they must be put together for it
            (``placed``).
        run: the folder of the run that they come from, if they come from one.
        cohort: the root of the cohort that they come from, if they come from one.
        teacher: modalities that only the teacher saw, by name.
        signals: a folder that was written for them and may go when the viewer ends.
    """

    items: Items
    given: Path | None
    run: Path | None = None
    cohort: Path | None = None
    teacher: Mapping[str, Modality] = field(default_factory=dict)
    signals: Path | None = None

    def placed(self, scratch: Path, modalities: Mapping[str, Modality]) -> Path:
        """What ``medkd predict`` can be given; where need be a manifest above links to the files, below ``scratch``."""
        if self.given is not None:
            return self.given
        columns = [
            "sample_id",
            "subject_id",
            *(name for name in STRETCH if name in self.items.table.columns),
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
        bundle: whose modalities they need.
        data: the viewer's own folder; what lies in tables shared by many cases is copied below it (mode 0700).

    Raises:
        InputError: there is nothing to show, or a run's signals cannot be found any more.
    """
    if (cases / INPUTS).is_file() and Inputs.samples_file(cases).is_file():
        return _of_run(cases, bundle)
    items = find_items(cases, bundle.modalities, bundle.target.key)
    cohort = cases if items.source.startswith("cohort ") else None
    if items.extract is None:
        return CaseSource(items, cases, cohort=cohort)
    folder = data / f"{_SIGNALS}{items.digest[:16]}"
    if not folder.is_dir():
        with writing_folder(folder) as temporary:
            items.placed(temporary).table.write_parquet(temporary / MANIFEST)
        folder.chmod(0o700)
    return CaseSource(Items(read_table(folder / MANIFEST), folder, items.source), None, cohort=cohort, signals=folder)


def _of_run(run: Path, bundle: Bundle) -> CaseSource:
    held = read_json(run / INPUTS)
    try:
        root, cohort, key = Path(held["root"]), str(held["cohort"]), held["target"]["key"]
        party = held["parties"]["teacher"]
        teacher = {
            name: instantiate(spec, Modality, trust=trusted(party)) for name, spec in party["modalities"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{INPUTS} is damaged: it lacks {error}", where=run, remedy="Give the records' folder with --cases"
        ) from error
    if key != bundle.target.key:
        raise InputError(
            f"the run predicts {key}, the bundle {bundle.target.key}",
            where=run,
            remedy="Give the run that the bundle came from, or the records themselves",
        )
    # A run that was moved has what it extracted with it.
    found = next((place for place in (root, run / root.name) if place.is_dir()), None)
    if found is None:
        raise InputError(
            f"the run's signals are no longer in {root}", where=run, remedy="Give the records' folder with --cases"
        )
    samples = read_table(Inputs.samples_file(run))
    if lacking := [name for name in bundle.modalities if name not in samples.columns]:
        raise InputError(
            f"the run's samples have no {lacking[0]}", where=run, remedy="Give the run that the bundle came from"
        )
    beyond = {name: modality for name, modality in teacher.items() if name not in bundle.modalities}
    columns = [
        "sample_id",
        "subject_id",
        *(name for name in (*STRETCH, *bundle.modalities, *beyond) if name in samples.columns),
    ]
    items = Items(samples.select(columns).sort("sample_id"), found, f"run of cohort {cohort}")
    is_cohort = (found / find_cohort(cohort).marker).exists()
    return CaseSource(items, found if is_cohort else None, run=run, teacher=beyond)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(source, target)
