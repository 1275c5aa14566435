"""PTB-XL 1.0.3: 21,799 twelve-lead ECGs of 18,869 patients, ten seconds each."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl

from medkd.data.core.cohort import Cohort, OfficialFolds
from medkd.data.core.modality import Modality
from medkd.data.core.sample import Exclusion
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.modalities.ecg import ECG

SUPERCLASSES = {
    "NORM": "normal ECG",
    "MI": "myocardial infarction",
    "STTC": "ST/T change",
    "CD": "conduction disturbance",
    "HYP": "hypertrophy",
}
_COLUMNS = (
    "ecg_id",
    "patient_id",
    "age",
    "sex",
    "site",
    "recording_date",
    "scp_codes",
    "strat_fold",
    "filename_lr",
    "filename_hr",
)
_DATABASE = "ptbxl_database.csv"
_STATEMENTS = "scp_statements.csv"


class PTBXL(Cohort):
    """PTB-XL exactly as published: ``ptbxl_database.csv``, ``scp_statements.csv``, ``records100/``, ``records500/``.

    Targets are the five diagnostic superclasses, all at once (``super``, multilabel) or one (``NORM``, ``MI``,
    ``STTC``, ``CD``, ``HYP``): an ECG has a superclass when one of its SCP statements, at any likelihood, is diagnostic
    and belongs to it. ECGs with no diagnostic statement are left out. Among the first 500 records 488 remain: NORM 297,
    STTC 96, CD 78, MI 73, HYP 40. Folds 9 and 10, whose labels were checked by humans, are the official validation and
    test parts. Age is in years; the publisher's 300 means "over 89" and is given as 90.

    Args:
        root: the folder that holds ``ptbxl_database.csv``.
        sampling: 100 reads ``records100/``, 500 ``records500/``, Hz. Both are prepared at 100 Hz unless the recipe says
            otherwise.

    Source: Wagner et al. 2020, doi:10.1038/s41597-020-0495-6; data doi:10.13026/kfzx-aw45.
    """

    name: ClassVar[str] = "ptbxl"
    marker: ClassVar[str] = _DATABASE
    default_target: ClassVar[str] = "super"
    official_folds: ClassVar[OfficialFolds | None] = OfficialFolds(test=(10,), validation=(9,))
    licence: ClassVar[str] = "CC BY 4.0"

    def __init__(self, root: Path, sampling: Literal[100, 500] = 100) -> None:
        super().__init__(root)
        if sampling not in (100, 500):
            raise InputError(f"sampling is {sampling}", where=f"cohort {self.name}", remedy="Choose 100 or 500 Hz")
        self.sampling = sampling
        folder = self.root / f"records{sampling}"
        if not folder.is_dir():
            raise InputError(
                f"{self.root} holds no {folder.name}",
                where=f"cohort {self.name}",
                remedy=f"Copy {folder.name} beside {self.marker}",
            )

    @property
    def default_protocol(self) -> str:
        """The official folds where there are 2,000 patients, else k-fold 5 by patient."""
        return "official" if self._database()["patient_id"].n_unique() >= 2000 else "kfold:5"

    def targets(self) -> Mapping[str, Target]:
        """``super`` and each superclass alone."""
        rule = "an SCP statement of any likelihood that is diagnostic and of this superclass"
        alone = {key: Target(key, "binary", (key,), (text,), rule=rule) for key, text in SUPERCLASSES.items()}
        return {
            "super": Target("super", "multilabel", tuple(SUPERCLASSES), tuple(SUPERCLASSES.values()), rule=rule),
            **alone,
        }

    def modalities(self) -> Mapping[str, Modality]:
        """``ecg``: twelve leads at 100 Hz, ten seconds."""
        return {"ecg": ECG()}

    def samples(self, target: Target) -> tuple[pl.DataFrame, list[Exclusion]]:
        """One row per ECG; every superclass has its column, whatever the target."""
        database = self._database()
        classes = [self._superclasses(codes, ecg) for ecg, codes in database.select("ecg_id", "scp_codes").iter_rows()]
        table = database.select(
            sample_id=pl.col("ecg_id").cast(pl.String).str.zfill(5),
            subject_id=pl.col("patient_id").cast(pl.Float64).cast(pl.Int64).cast(pl.String),
            ecg=pl.col("filename_lr" if self.sampling == 100 else "filename_hr"),
            age=pl.when(pl.col("age") > 89).then(90.0).otherwise(pl.col("age")),
            sex=pl.col("sex").cast(pl.String).replace_strict({"0": "male", "1": "female"}, default=None),
            site=pl.col("site").cast(pl.Int64).cast(pl.String),
            time=pl.col("recording_date").str.to_datetime(strict=False),
            official_fold=pl.col("strat_fold").cast(pl.Int64),
        ).with_columns(pl.Series(key, [float(key in present) for present in classes]) for key in SUPERCLASSES)
        diagnosed = table.filter(pl.Series([bool(present) for present in classes]))
        excluded = table.height - diagnosed.height
        return diagnosed, [Exclusion("no diagnostic statement", excluded)] if excluded else []

    def _database(self) -> pl.DataFrame:
        table = _read_csv(self.root / _DATABASE)
        for column in _COLUMNS:
            if column not in table.columns:
                raise InputError(
                    f"{_DATABASE} has no column '{column}'", where=self.root, remedy="Use the file as published"
                )
        numbers = ("age", "sex", "site", "strat_fold", "ecg_id")
        try:
            return (
                table.select(_COLUMNS)
                .with_columns(pl.col(*numbers).cast(pl.Float64))
                .with_columns(pl.col("ecg_id", "sex").cast(pl.Int64))
            )
        except pl.exceptions.PolarsError as error:
            raise InputError(
                f"{_DATABASE} holds a word where a number belongs",
                where=self.root,
                remedy=f"Correct {', '.join(numbers)}",
            ) from error

    def _superclasses(self, codes: str | None, ecg: int) -> set[str]:
        try:
            statements = ast.literal_eval(codes or "")
            return {self._superclass_of[code] for code in statements if code in self._superclass_of}
        except (ValueError, SyntaxError, TypeError) as error:
            raise InputError(
                f"scp_codes of ECG {ecg} is {codes!r}, not a mapping of statements",
                where=_DATABASE,
                remedy="Write {'NORM': 100.0}",
            ) from error

    @property
    def _superclass_of(self) -> dict[str, str]:
        if not hasattr(self, "_statements"):
            table = _read_csv(self.root / _STATEMENTS)
            wanted = (table.columns[0], "diagnostic", "diagnostic_class")
            if not set(wanted) <= set(table.columns):
                raise InputError(
                    f"{_STATEMENTS} has no column diagnostic or diagnostic_class",
                    where=self.root,
                    remedy="Use it as published",
                )
            rows = table.select(wanted).drop_nulls().iter_rows()
            self._statements: dict[str, str] = {
                code: kind for code, flag, kind in rows if float(flag) == 1 and kind in SUPERCLASSES
            }
        return self._statements


def _read_csv(path: Path) -> pl.DataFrame:
    """All columns as text, so that nothing depends on the first rows."""
    try:
        return pl.read_csv(path, infer_schema=False)
    except FileNotFoundError as error:
        raise InputError(
            f"no such file: {path}", where="cohort ptbxl", remedy=f"Copy {path.name} beside {PTBXL.marker}"
        ) from error
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{path} is not a readable CSV", where="cohort ptbxl", remedy="Copy the published file again"
        ) from error
