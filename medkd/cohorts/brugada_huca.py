"""Brugada-HUCA 1.0.0: 363 twelve-lead ECGs, one per subject, twelve seconds at 100 Hz."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from medkd.data.core.cohort import Cohort
from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.modalities.ecg import ECG


class BrugadaHUCA(Cohort):
    """Brugada-HUCA exactly as published: ``metadata.csv`` and ``files/ID/ID.{hea,dat}``.

    The target ``brugada`` is positive for classes 1 (Brugada syndrome, 69) and 2 (other or atypical, 7): 76 of 363.
    Of the twelve seconds the middle ten are prepared.

    Source: PhysioNet, "Brugada-HUCA: 12-Lead ECG Recordings for the Study of Brugada Syndrome" 1.0.0.
    """

    name: ClassVar[str] = "brugada_huca"
    marker: ClassVar[str] = "metadata.csv"
    default_target: ClassVar[str] = "brugada"
    licence: ClassVar[str] = "CC BY-SA 4.0"

    def targets(self) -> Mapping[str, Target]:
        """``brugada``: 76 of 363."""
        return {
            "brugada": Target(
                "brugada", "binary", ("brugada",), ("Brugada pattern",), rule="brugada is 1 or 2 in metadata.csv"
            )
        }

    def modalities(self) -> Mapping[str, Modality]:
        """``ecg``: twelve leads at 100 Hz, ten seconds."""
        return {"ecg": ECG()}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """One row per subject."""
        try:
            table = pl.read_csv(self.root / self.marker, infer_schema=False).select("patient_id", "brugada")
        except pl.exceptions.PolarsError as error:
            raise InputError(
                f"{self.marker} is not a CSV with the columns patient_id and brugada",
                where=self.root,
                remedy="Use the file as published",
            ) from error
        label = table["brugada"].str.strip_chars()
        unknown = sorted(set(label.drop_nulls()) - {"0", "1", "2"})
        if unknown:
            raise InputError(
                f"brugada is '{unknown[0]}' in {self.marker}", where=self.root, remedy="It must be 0, 1 or 2"
            )
        subject = pl.col("patient_id").str.strip_chars()
        samples = table.select(
            sample_id=subject,
            subject_id=subject,
            ecg=pl.format("files/{}/{}", subject, subject),
            brugada=label.is_in(["1", "2"]).cast(pl.Float64),
        )
        return samples.with_columns(brugada=pl.when(label.is_null()).then(None).otherwise(pl.col("brugada"))), []
