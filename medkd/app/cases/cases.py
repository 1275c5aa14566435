"""Cases of a viewer: scores, displays and attributions; labels are read separately, for adjudication alone."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from medkd import registry
from medkd.app.cases.attribution import Attribution, attribute
from medkd.app.cases.source import CaseSource, find_source
from medkd.app.cases.table import case_table, labels
from medkd.data.core.display import Display, Passage, Plain, Strip, Trend
from medkd.data.core.modality import Modality
from medkd.data.core.view import Part
from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_table
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.plan import PARQUET
from medkd.deploy.inference.predict import predict
from medkd.deploy.inference.pseudonym import Pseudonyms, identifiers_in
from medkd.deploy.inference.quarantine import attempt
from medkd.deploy.inference.settings import PredictSettings
from medkd.errors import InputError, RecordError
from medkd.pipeline.prepared_cohort import PreparedCohort

SEEN_IN_TRAINING = (
    "The model in use was refitted on these very subjects, so its own scores flatter it here. "
    "Judge by the marks of the student that was trained without them, where there are any."
)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Cases:
    """All cases of a viewer.

    Args:
        bundle: the model that scored them.
        table: one row per case (see ``medkd.app.cases.table.case_table``).
        remark: a note that must be shown with every case; "" if none.
        read_truth: reads the labels by sample, at their first use.
    """

    bundle: Bundle
    table: pl.DataFrame
    source: CaseSource
    names: Pseudonyms
    remark: str
    read_truth: Callable[[], pl.DataFrame]

    def __len__(self) -> int:
        return self.table.height

    def row(self, case: int) -> dict[str, Any]:
        """A case's row of the table.

        Raises:
            InputError: there is no case of that number.
        """
        if not 1 <= case <= len(self):
            raise InputError(f"no case {case}", where="case", remedy=f"Give a number from 1 to {len(self)}")
        return self.table.row(case - 1, named=True)

    def display(self, case: int, *, later: bool = False) -> list[Display]:
        """One display per modality: the student's first, then those that only the teacher saw.

        Args:
            case: its number, from 1.
            later: also show what was measured after the moment of the prediction, which may reveal the outcome.

        Raises:
            RecordError: the record cannot be read; its identifiers are hidden.
        """
        return self._redacted(case, lambda item: self._display(item, later))

    def attribution(self, case: int, class_name: str) -> Attribution:
        """Attribution of the student's score of a class to its input.

        Raises:
            RecordError: the record cannot be read; its identifiers are hidden.
            InputError: there is no such class.
        """
        prepared = self._redacted(case, lambda item: self.bundle.prepare(item, self.source.items.root))
        return attribute(self.bundle, prepared, class_name)

    @property
    def truths(self) -> pl.DataFrame:
        """Labels of all cases, for adjudication alone: sample_id, truth_<class>; null where unknown."""
        return self.table.select("sample_id").join(self.read_truth(), on="sample_id", how="left", maintain_order="left")

    def truth(self, case: int) -> dict[str, float | None]:
        """Labels of a case by class, None where unknown. Never to be shown before a reading."""
        row = self.read_truth().filter(pl.col("sample_id") == self.row(case)["sample_id"])
        return {name: row[f"truth_{name}"][0] if row.height else None for name in self.bundle.target.names}

    def close(self) -> None:
        """Remove the signals that were copied for the viewer."""
        if self.source.signals is not None:
            shutil.rmtree(self.source.signals, ignore_errors=True)

    def _redacted(self, case: int, act: Callable[[dict[str, Any]], _T]) -> _T:
        name = self.row(case)["sample_id"]
        item = self.source.items.table.row(by_predicate=pl.col("sample_id") == name, named=True)
        made = attempt(lambda: act(item), time.monotonic)
        if made.value is None:
            # Raised here, without its cause: a traceback would show the identifiers.
            raise RecordError(self.names.redact(str(made.reason), identifiers_in(item)))
        return made.value

    def _display(self, item: dict[str, Any], later: bool) -> list[Display]:
        displays = [self._of_student(part, item) for part in self.bundle.view.parts]
        displays += [self._of_teacher(name, modality, item) for name, modality in self.source.teacher.items()]
        hour = None if later else self.bundle.target.prediction_hour
        return [_until(display, hour) for display in displays if display is not None]

    def _of_student(self, part: Part, item: dict[str, Any]) -> Display | None:
        modality = self.bundle.modalities[part.modality]
        if item.get(part.modality) is None:
            return None
        try:
            raw = modality.read(item, self.source.items.root)
        except RecordError:
            if modality.traits.partial and len(self.bundle.view.parts) > 1:
                return None
            raise
        return modality.display(raw, part) or Plain(
            part.modality, self.bundle.prepare(item, self.source.items.root)[part.modality][0]
        )

    def _of_teacher(self, name: str, modality: Modality, item: dict[str, Any]) -> Display | None:
        if item.get(name) is None:
            return None
        try:
            display = modality.display(modality.read(item, self.source.items.root), Part(name))
        except RecordError:
            return None
        if isinstance(display, Trend):
            return replace(display, seen=(), window=None)
        if isinstance(display, Strip):
            return replace(display, seen=(), stretches=())
        return replace(display, window=None) if isinstance(display, Passage) else None


def open_cases(
    bundle_folder: Path,
    bundle: Bundle,
    cases: Path,
    data: Path,
    predictions: Path | None = None,
    *,
    trust: Sequence[str] = (),
) -> Cases:
    """Find, score and list the cases.

    Args:
        bundle: loaded from ``bundle_folder``.
        cases: a folder of files, a cohort's root, a manifest, or the folder of a run of ``medkd distill``.
        data: the viewer's own folder; scores are kept there, and resumed after the viewer was killed.
        predictions: finished output of ``medkd predict`` for these cases; None scores them.
        trust: packages beside medkd whose classes the bundle may name.

    Raises:
        InputError: there is nothing to show, or the predictions are another bundle's.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = find_source(cases, bundle, data)
    names = Pseudonyms.for_folder(data)
    scores = predictions or data / f"scores-{digest_of([bundle.bundle_sha256, source.items.digest])[:16]}"
    if predictions is None and not (scores / PARQUET).is_file():
        with tempfile.TemporaryDirectory(prefix=".scoring-", dir=data) as scratch:
            cases_input = source.predict_input(Path(scratch), bundle.modalities)
            predict(bundle_folder, cases_input, scores, PredictSettings(trust=tuple(trust)), registry=registry)
    table = case_table(source.items, scores, bundle, names, source.run)
    return Cases(
        bundle, table, source, names, SEEN_IN_TRAINING if source.run else "", cache(lambda: _truth(source, bundle))
    )


def _truth(source: CaseSource, bundle: Bundle) -> pl.DataFrame:
    """Labels of a run's own samples, or of the cohort; no rows for other sources."""
    if source.run is not None:
        return labels(read_table(PreparedCohort.samples_file(source.run)), bundle.target)
    if source.cohort is not None:
        cohort = registry.cohort(source.items.source.removeprefix("cohort "))(source.cohort)
        if bundle.target.key.lower() in {key.lower() for key in cohort.targets()}:
            return labels(cohort.samples(cohort.target(bundle.target.key))[0], bundle.target)
    return pl.DataFrame(
        schema={"sample_id": pl.String, **{f"truth_{name}": pl.Float64 for name in bundle.target.names}}
    )


def _until(display: Display, hour: float | None) -> Display:
    return display.until(hour) if hour is not None and isinstance(display, Trend | Passage) else display
