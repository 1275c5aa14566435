"""Prepared cohort: the samples that all stages of a run use, what each role sees of them, and their arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import polars as pl
from pydantic import PlainSerializer, PlainValidator

from medkd.data.core.cohort import Cohort, Extract, OfficialFolds
from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import Modality
from medkd.data.core.model_input import ModelInput
from medkd.data.core.sample import Exclusion, check_samples, summed
from medkd.data.core.target import Target
from medkd.data.core.view import Part
from medkd.data.io.atomic import write_json, writing
from medkd.data.io.digest import digest_of
from medkd.data.io.document import Document, parse_document
from medkd.data.io.load import read_json
from medkd.data.loading.store import Prepared, prepare
from medkd.data.splits.draw import fitting_protocol
from medkd.errors import InputError, nearest
from medkd.pipeline.nested_values import merged
from medkd.pipeline.recipe import FitSettings, Recipe
from medkd.pipeline.shared_recordings import joined_subjects

FILE = "prepared_cohort.json"
ROLES = ("teacher", "student")
PRETRAINING = "pretraining"
"""The role of a student that is pretrained: no label is used, and it is not deployed."""
Wanted = dict[str, tuple[Modality, list[Part]]]
"""Digest of a modality → the modality and the parts of it that model inputs see."""


def _target(value: Any) -> Target:
    # By its own reader: pydantic would turn a whole prediction hour into a fraction, and the digest with it.
    try:
        return value if isinstance(value, Target) else Target.from_dict(value)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"It is not a target: {error}") from error


class PreparedCohort(Document):
    """A cohort that was prepared for a recipe, as the file ``prepared_cohort.json`` of a run holds it."""

    schema_version: Literal[2] = 2
    root: str
    """The folder that the samples' paths are relative to."""
    name: str
    """The cohort's own."""
    licence: str
    target: Annotated[Target, PlainValidator(_target), PlainSerializer(Target.to_dict)]
    protocol: str
    """The recipe's, or the cohort's default with as many folds as its subjects fill."""
    official: OfficialFolds | None
    """The cohort's official folds, if it has any."""
    model_inputs: dict[str, dict[str, Any]]
    """Role → view and modality specs."""
    stores: dict[str, dict[str, str]]
    """Role → modality → folder of prepared arrays."""
    flow: tuple[Exclusion, ...]
    """Number of samples that were found, and of those that were left out, by reason."""
    aside: tuple[Exclusion, ...]
    """Values of shared tables that were left out, by reason."""
    samples_sha256: str
    data_sha256: str
    """Of all prepared values."""

    @property
    def digest(self) -> str:
        """Of what decides later stages: not of paths."""
        return digest_of(
            [
                self.name,
                self.target,
                self.protocol,
                self.official,
                self.model_inputs,
                self.samples_sha256,
                self.data_sha256,
            ]
        )

    @staticmethod
    def samples_file(run: Path) -> Path:
        """The sample table of a run."""
        return run / "samples.parquet"

    def model_input(self, role: str) -> ModelInput:
        """What one role sees, with its modalities made."""
        spec = self.model_inputs[role]
        return ModelInput(
            spec["view"],
            {name: instantiate(one, Modality, trust=trusted(spec)) for name, one in spec["modalities"].items()},
        )

    def arrays(self, role: str) -> dict[str, Prepared]:
        """One role's prepared arrays by modality."""
        return {name: Prepared.open(Path(folder)) for name, folder in self.stores[role].items()}

    def save(self, run: Path) -> None:
        """Write ``prepared_cohort.json``."""
        write_json(run / FILE, self.model_dump(mode="json"))

    @classmethod
    def load(cls, run: Path) -> PreparedCohort:
        """Read what ``save`` wrote.

        Raises:
            InputError: the run was never prepared, or by a medkd that kept other values.
        """
        file = run / FILE
        if not file.is_file():
            raise InputError("nothing was prepared here", where=run, remedy="Run the stage 'prepare' first")
        return parse_document(cls, read_json(file), file, "Run medkd distill in a new folder")


def trusted(model_input: Mapping[str, Any]) -> tuple[str, ...]:
    """Packages that the user's own recipe names: a recipe, unlike a bundle, is the user's word."""
    return tuple({"medkd", *(spec["class_path"].split(".")[0] for spec in model_input["modalities"].values())})


class Built(Protocol):
    """Parts of a cohort that were read and prepared already."""

    def extract(self, cohort: Cohort, samples: pl.DataFrame, folder: Path) -> Extract:
        """The extract of all samples, as the cohort's own ``extract`` makes it."""
        ...

    def prepare(self, folder: Path, wanted: Wanted, samples: pl.DataFrame, root: Path) -> None:
        """Put the arrays where ``prepare`` finds them."""
        ...


def prepare_cohort(recipe: Recipe, cohort: Cohort, run: Path, jobs: int, built: Built | None = None) -> PreparedCohort:
    """Read and prepare a cohort for the recipe's model inputs, once.

    Samples that no model can use are set aside and counted in ``flow``, together with the cohort's own exclusions.

    Args:
        recipe: names the view and modalities of each role.
        cohort: as it is on disk.
        run: folder of the sample table and the arrays.
        jobs: processes that read.
        built: parts that need not be read again.

    Raises:
        InputError: the recipe does not fit the cohort, or nothing can be used.
    """
    target = cohort.target(recipe.target or None)
    table, exclusions = cohort.samples(target)
    table = check_samples(table, target, f"cohort {cohort.name}")
    model_inputs = model_inputs_of(recipe, cohort)
    extract = built.extract(cohort, table, run / "events") if built else cohort.extract(table, run / "events")
    table = extract.samples
    if built:
        built.prepare(run / "prepared", wanted_by(model_inputs), table, extract.root)
    stores, unusable = _prepare_model_inputs(model_inputs, table, extract.root, run, jobs)
    total = table.height + sum(item.count for item in exclusions)
    usable = check_samples(table.filter(~pl.col("sample_id").is_in(list(unusable))), target, f"cohort {cohort.name}")
    joined: list[Exclusion] = []
    if recipe.split.shared_recordings == "join":
        usable, joined = joined_subjects(usable, _identifying(model_inputs["teacher"], stores["teacher"]))
    reasons = pl.Series("reason", list(unusable.values()), dtype=pl.String).value_counts(sort=True)
    with writing(PreparedCohort.samples_file(run)) as temporary:
        usable.write_parquet(temporary)
    prepared = PreparedCohort(
        root=str(extract.root.resolve()),
        name=cohort.name,
        licence=cohort.licence,
        target=target,
        protocol=recipe.protocol or fitting_protocol(cohort.default_protocol, usable["subject_id"].n_unique()),
        official=cohort.official_folds,
        model_inputs={role: model_input.to_dict() for role, model_input in model_inputs.items()},
        stores={
            role: {name: str(stored.folder.resolve()) for name, stored in arrays.items()}
            for role, arrays in stores.items()
        },
        flow=(
            Exclusion("samples found", total),
            *exclusions,
            *(Exclusion(reason, count) for reason, count in reasons.iter_rows()),
            Exclusion("samples kept", usable.height),
            *joined,
        ),
        aside=summed([extract.aside], list(cohort.modalities())),
        samples_sha256=digest_of(usable.write_csv()),
        data_sha256=digest_of(
            {role: {name: stored.sha256 for name, stored in arrays.items()} for role, arrays in stores.items()}
        ),
    )
    prepared.save(run)
    return prepared


def model_inputs_of(recipe: Recipe, cohort: Cohort) -> dict[str, ModelInput]:
    """What teacher and student see, and where the student is pretrained, what it sees then.

    Raises:
        InputError: the recipe does not fit the cohort.
    """
    model_inputs = {"teacher": _model_input(recipe.teacher, cohort), "student": _model_input(recipe.student, cohort)}
    if recipe.student.pretrain:
        model_inputs[PRETRAINING] = _model_input(recipe.student.pretrain, cohort)
    return model_inputs


def wanted_by(model_inputs: Mapping[str, ModelInput]) -> Wanted:
    """Each modality once, however many model inputs see it, with all parts that they see."""
    wanted: Wanted = {}
    for model_input in model_inputs.values():
        for part, modality in model_input.parts():
            parts = wanted.setdefault(modality.digest, (modality, []))[1]
            if part not in parts:
                parts.append(part)
    return wanted


def _model_input(arm: FitSettings, cohort: Cohort) -> ModelInput:
    """The arm's modalities: the cohort's own settings, changed where the recipe says so."""
    known = cohort.modalities()
    for name in arm.modalities:
        if name not in known:
            raise InputError(
                f"cohort {cohort.name} has no modality '{name}'", where="recipe", remedy=nearest(name, known)
            )
    made = {}
    for name, modality in known.items():
        spec = merged(modality.to_dict(), arm.modalities.get(name) or {})
        made[name] = instantiate(spec, Modality, trust=("medkd", str(spec["class_path"]).split(".")[0]))
    seen = {part.modality: modality for part, modality in ModelInput(arm.view, made).parts()}
    return ModelInput(arm.view, seen)


def _identifying(model_input: ModelInput, stores: dict[str, Prepared]) -> dict[str, Prepared]:
    """The arrays of a model by which a recording can be recognised."""
    return {name: stored for name, stored in stores.items() if model_input.modalities[name].traits.identifying}


def _prepare_model_inputs(
    model_inputs: dict[str, ModelInput], table: pl.DataFrame, root: Path, run: Path, jobs: int
) -> tuple[dict[str, dict[str, Prepared]], dict[str, str]]:
    """Arrays by role and modality, and the reason of each unusable sample.

    Each file is read once for all model inputs that want it prepared alike.
    """
    made = {
        key: prepare(run / "prepared", modality, parts, table, root, jobs)
        for key, (modality, parts) in wanted_by(model_inputs).items()
    }
    stores = {
        name: {part.modality: made[modality.digest][str(part)] for part, modality in model_input.parts()}
        for name, model_input in model_inputs.items()
    }
    unusable: dict[str, str] = {}
    for arrays in stores.values():
        for stored in arrays.values():
            bad = stored.index.filter(pl.col("status") == "unusable")
            unusable |= dict(zip(bad["sample_id"], bad["reason"], strict=True))
    return stores, unusable
