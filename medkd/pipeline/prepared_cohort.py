"""The prepared cohort that all stages of a run use: samples, what each role sees of them, and their arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from medkd.data.core.cohort import Cohort, Extract, OfficialFolds
from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import Modality
from medkd.data.core.model_input import ModelInput
from medkd.data.core.sample import Exclusion, check_samples, summed
from medkd.data.core.target import Target
from medkd.data.core.view import Part
from medkd.data.io.atomic import write_json, writing
from medkd.data.io.digest import digest_of
from medkd.data.io.load import read_json
from medkd.data.loading.store import Prepared, prepare
from medkd.data.splits.draw import fitting_protocol
from medkd.errors import InputError, nearest
from medkd.pipeline.recipe import Arm, Recipe, merged
from medkd.pipeline.shared_recordings import joined_subjects

ROLES = ("teacher", "student")
PRETRAINING = "pretraining"
"""The input of a student that is pretrained: no label is used, and it is not deployed."""
Wanted = dict[str, tuple[Modality, list[Part]]]
"""Digest of a modality → the modality and the parts of it that model_inputs see."""


@dataclass(frozen=True)
class PreparedCohort:
    """The outcome of preparing a cohort for a recipe.

    Args:
        root: what the samples' paths are relative to.
        cohort: its name.
        target: what is predicted.
        protocol: the recipe's, or the cohort's default with as many folds as its subjects fill.
        official: the cohort's official folds, if it has any.
        model_inputs: role → view and modality specs.
        stores: role → modality → folder of prepared arrays.
        flow: how many samples were found, and why others were left out.
        aside: values of shared tables that were left out, by reason.
        samples_sha256, data_sha256: of the sample table, and of all prepared values.
    """

    root: str
    cohort: str
    target: Target
    protocol: str
    official: OfficialFolds | None
    model_inputs: dict[str, dict[str, Any]]
    stores: dict[str, dict[str, str]]
    flow: tuple[Exclusion, ...]
    aside: tuple[Exclusion, ...]
    samples_sha256: str
    data_sha256: str

    @property
    def digest(self) -> str:
        """Of what decides later stages: not of paths."""
        return digest_of(
            [
                self.cohort,
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
        """Where the sample table of a run lies."""
        return run / "samples.parquet"

    def model_input(self, name: str) -> ModelInput:
        """What one role sees, with its modalities made."""
        held = self.model_inputs[name]
        return ModelInput(
            held["view"],
            {key: instantiate(spec, Modality, trust=trusted(held)) for key, spec in held["modalities"].items()},
        )

    def prepared(self, role: str) -> dict[str, Prepared]:
        """Its prepared arrays by modality."""
        return {name: Prepared.open(Path(folder)) for name, folder in self.stores[role].items()}

    def save(self, run: Path) -> None:
        """Write ``inputs.json``."""
        write_json(run / "inputs.json", {"schema_version": 1, **asdict(self)})

    @classmethod
    def load(cls, run: Path) -> PreparedCohort:
        """Read what ``save`` wrote.

        Raises:
            InputError: the run was never prepared, or by a medkd that kept other things of it.
        """
        file = run / "inputs.json"
        if not file.is_file():
            raise InputError("nothing was prepared here", where=run, remedy="Run the stage 'prepare' first")
        held = read_json(file)
        try:
            held.pop("schema_version")
            target = held.pop("target")
            official = held.pop("official")
            return cls(
                target=Target.from_dict(target),
                official=OfficialFolds(tuple(official["test"]), tuple(official["validation"])) if official else None,
                flow=tuple(Exclusion(**row) for row in held.pop("flow")),
                aside=tuple(Exclusion(**row) for row in held.pop("aside")),
                **held,
            )
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{file.name} was written by another medkd, or is damaged: {error}",
                where=run,
                remedy="Run medkd distill in a new folder",
            ) from error


def trusted(held: dict[str, Any]) -> tuple[str, ...]:
    """Packages that the user's own recipe names: a recipe, unlike a bundle, is the user's word."""
    return tuple({"medkd", *(spec["class_path"].split(".")[0] for spec in held["modalities"].values())})


class Built(Protocol):
    """What others have read of a cohort already."""

    def extract(self, cohort: Cohort, samples: pl.DataFrame, folder: Path) -> Extract:
        """As the cohort's own ``extract``."""
        ...

    def prepare(self, folder: Path, wanted: Wanted, samples: pl.DataFrame, root: Path) -> None:
        """Put arrays where ``prepare`` finds them."""
        ...


def prepare_inputs(recipe: Recipe, cohort: Cohort, run: Path, jobs: int, built: Built | None = None) -> PreparedCohort:
    """Read and prepare a cohort for the recipe's model_inputs, once.

    Samples that no model can use are set aside and counted in ``flow``, together with the cohort's own exclusions.

    Args:
        recipe: what each role sees.
        cohort: as it lies on disk.
        run: where the inputs go.
        jobs: processes that read.
        built: what need not be read again.

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
    found = table.height + sum(item.count for item in exclusions)
    kept = check_samples(table.filter(~pl.col("sample_id").is_in(list(unusable))), target, f"cohort {cohort.name}")
    leave = recipe.split.get("shared_recordings") == "leave"
    kept, joined = (
        (kept, []) if leave else joined_subjects(kept, _identifying(model_inputs["teacher"], stores["teacher"]))
    )
    reasons = pl.Series("reason", list(unusable.values()), dtype=pl.String).value_counts(sort=True)
    flow = (
        Exclusion("samples found", found),
        *exclusions,
        *(Exclusion(reason, count) for reason, count in reasons.iter_rows()),
        Exclusion("samples kept", kept.height),
        *joined,
    )
    with writing(PreparedCohort.samples_file(run)) as temporary:
        kept.write_parquet(temporary)
    inputs = PreparedCohort(
        root=str(extract.root.resolve()),
        cohort=cohort.name,
        target=target,
        protocol=recipe.protocol or fitting_protocol(cohort.default_protocol, kept["subject_id"].n_unique()),
        official=cohort.official_folds,
        model_inputs={role: model_input.to_dict() for role, model_input in model_inputs.items()},
        stores={
            role: {name: str(stored.folder.resolve()) for name, stored in held.items()} for role, held in stores.items()
        },
        flow=flow,
        aside=summed([extract.aside], list(cohort.modalities())),
        samples_sha256=digest_of(kept.write_csv()),
        data_sha256=digest_of(
            {role: {name: stored.sha256 for name, stored in held.items()} for role, held in stores.items()}
        ),
    )
    inputs.save(run)
    return inputs


def model_inputs_of(recipe: Recipe, cohort: Cohort) -> dict[str, ModelInput]:
    """What teacher and student see, and the student while it is pretrained, where it is.

    Raises:
        InputError: the recipe does not fit the cohort.
    """
    model_inputs = {name: _model_input(getattr(recipe, name), cohort) for name in ROLES}
    return model_inputs | (
        {PRETRAINING: _model_input(recipe.student.pretraining(), cohort)} if recipe.student.pretrain else {}
    )


def wanted_by(model_inputs: Mapping[str, ModelInput]) -> Wanted:
    """Each modality once, however many model_inputs see it, with all parts that they see."""
    wanted: Wanted = {}
    for model_input in model_inputs.values():
        for part, modality in model_input.parts():
            parts = wanted.setdefault(modality.digest, (modality, []))[1]
            if part not in parts:
                parts.append(part)
    return wanted


def _model_input(arm: Arm, cohort: Cohort) -> ModelInput:
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
    model_input = ModelInput(arm.view, made)
    named = {part.modality: part_modality for part, part_modality in model_input.parts()}
    return ModelInput(arm.view, named)


def _identifying(model_input: ModelInput, stores: dict[str, Prepared]) -> dict[str, Prepared]:
    """Of what a model sees, that by which a recording can be known again."""
    return {name: stored for name, stored in stores.items() if model_input.modalities[name].traits.identifying}


def _prepare_model_inputs(
    model_inputs: dict[str, ModelInput], table: pl.DataFrame, root: Path, run: Path, jobs: int
) -> tuple[dict[str, dict[str, Prepared]], dict[str, str]]:
    """Each file is read once for all model_inputs that want it prepared alike."""
    made = {
        key: prepare(run / "prepared", modality, parts, table, root, jobs)
        for key, (modality, parts) in wanted_by(model_inputs).items()
    }
    stores = {
        name: {part.modality: made[modality.digest][str(part)] for part, modality in model_input.parts()}
        for name, model_input in model_inputs.items()
    }
    unusable: dict[str, str] = {}
    for held in stores.values():
        for stored in held.values():
            bad = stored.index.filter(pl.col("status") == "unusable")
            unusable |= dict(zip(bad["sample_id"], bad["reason"], strict=True))
    return stores, unusable
