"""Build of a cohort outside any task: samples, exclusions, a split and prepared arrays, whole or in shards."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from medkd.data.core.cohort import Cohort
from medkd.data.io.atomic import removed_on_input_error
from medkd.data.io.load import read_table
from medkd.data.loading.shard import Shard
from medkd.data.splits.draw import draw_split
from medkd.pipeline.cohort_build.check import check_cohort, print_check
from medkd.pipeline.cohort_build.describe import aside_table, describe, flow_table
from medkd.pipeline.cohort_build.shards import SHARDS, Shards, build_shard, shard_folder
from medkd.pipeline.prepared_cohort import PreparedCohort, prepare_cohort
from medkd.pipeline.recipe import Arm, Recipe
from medkd.pipeline.run_setup import cohort_at
from medkd.pipeline.runner import default_jobs


@dataclass(frozen=True)
class CohortSource:
    """A cohort as the command line names it.

    Args:
        kind: its class.
        root: its folder; None synthesises it.
        target, protocol: None for the cohort's defaults.
    """

    kind: type[Cohort]
    root: Path | None = None
    target: str | None = None
    protocol: str | None = None

    def open(self, folder: Path) -> tuple[Cohort, Recipe]:
        """The cohort, synthesised in ``folder`` where it has no root, and the recipe of its whole."""
        cohort = cohort_at(self.kind, self.root, folder, {})
        return cohort, whole_recipe(cohort, self.target, self.protocol)


def whole_recipe(cohort: Cohort, target: str | None = None, protocol: str | None = None) -> Recipe:
    """A recipe without training: one model that sees every modality with the cohort's own settings."""
    everything = Arm(view=" + ".join(cohort.modalities()))
    return Recipe(
        task="cohort",
        cohort=cohort.name,
        teacher=everything,
        student=everything,
        baseline=everything,
        target=cohort.target(target).key,
        protocol=protocol or "",
    )


def describe_cohort(source: CohortSource) -> int:
    """Print the cohort on one page; the exit code is 0."""
    with tempfile.TemporaryDirectory(prefix="medkd-") as temporary:
        cohort, recipe = source.open(Path(temporary) / "cohort")
        print(describe(cohort, cohort.target(recipe.target), recipe.protocol, Path(temporary) / "events"))
    return 0


def check(source: CohortSource, out: Path | None) -> int:
    """Read and prepare every record, and print the findings; the exit code is 1 where one failed.

    Args:
        source: the cohort.
        out: folder for the names of what was found; None writes none.
    """
    with tempfile.TemporaryDirectory(prefix="medkd-") as temporary:
        run = Path(temporary)
        cohort, recipe = source.open(run / "cohort")
        prepared = prepare_cohort(recipe, cohort, run, default_jobs())
        findings = check_cohort(cohort, prepared, read_table(PreparedCohort.samples_file(run)), out)
        return print_check(cohort, findings, out)


def build_part(source: CohortSource, shard: Shard, out: Path) -> int:
    """Build one shard below ``out``; the exit code is 0."""
    # Only the shard's own folder is removed after an error: others are being built beside it.
    with removed_on_input_error(shard_folder(out, shard)):
        cohort, recipe = source.open(out / "cohort")
        count = build_shard(recipe, cohort, shard, out, default_jobs())
    print(f"shard {shard} of cohort {cohort.name}: {count} samples: {shard_folder(out, shard)}")
    print("When all are there, the same command without --shard puts them together.")
    return 0


def build(source: CohortSource, out: Path) -> int:
    """Build the cohort below ``out``, from its shards where there are any; the exit code is 0."""
    shards = Shards.of(out)
    file = out / "split" / "seed0" / "split.json"
    with removed_on_input_error(out):
        cohort, recipe = source.open(out / "cohort")
        prepared = prepare_cohort(recipe, cohort, out, default_jobs(), shards)
        samples = read_table(PreparedCohort.samples_file(out))
        split = draw_split(samples, prepared.target, prepared.protocol, 0, prepared.official)
        split.save(file)
    if shards:
        shutil.rmtree(out / SHARDS)
    heading = f"cohort {cohort.name}, target {prepared.target.key}"
    print("\n\n".join([heading, flow_table(prepared.flow), *aside_table(prepared.aside)]) + "\n")
    subjects, folds = samples["subject_id"].n_unique(), split.table["fold"].n_unique()
    print(f"samples   {samples.height} of {subjects} subjects: {PreparedCohort.samples_file(out)}")
    print(f"split     {prepared.protocol}, seed 0, {folds} folds, sha256 {split.sha256[:12]}: {file}")
    for name, stored in prepared.arrays("student").items():
        size = " x ".join(map(str, stored.values.shape))
        print(f"prepared  {name}, {size}, sha256 {stored.sha256[:12]}: {stored.folder}")
    return 0
