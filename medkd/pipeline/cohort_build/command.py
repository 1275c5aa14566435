"""``medkd cohort build|check|describe NAME``: what a data set holds, whether it can be used, and its prepared form."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from medkd.data.core.cohort import Cohort
from medkd.data.io.atomic import removed_on_input_error
from medkd.data.io.load import read_table
from medkd.data.loading.shard import Shard
from medkd.data.splits.draw import draw_split
from medkd.errors import InputError
from medkd.pipeline.cohort_build.check import check_cohort, print_check
from medkd.pipeline.cohort_build.describe import aside_table, describe, flow_table
from medkd.pipeline.cohort_build.shards import SHARDS, Shards, build_shard, shard_folder
from medkd.pipeline.prepared_cohort import PreparedCohort, prepare_inputs
from medkd.pipeline.recipe import Arm, Recipe
from medkd.pipeline.runner import default_jobs
from medkd.pipeline.setup import cohort_at


def main(namespace: argparse.Namespace) -> int:
    """Describe a cohort, check it, or build it.

    Returns:
        0, or 1 where a check did not pass.

    Raises:
        InputError: the cohort cannot be opened, or nothing in it can be used; nothing was written then.
    """
    if namespace.action == "build":
        return _build(namespace)
    if namespace.shard:
        raise InputError(
            f"'{namespace.action}' takes no shard", where="--shard", remedy="Only build does its work in parts"
        )
    with tempfile.TemporaryDirectory(prefix="medkd-") as temporary:
        cohort = cohort_at(namespace.name, namespace.root, Path(temporary) / "cohort", {})
        recipe = whole(cohort, namespace.target, namespace.protocol)
        if namespace.action == "describe":
            print(describe(cohort, cohort.target(recipe.target), recipe.protocol, Path(temporary) / "events"))
            return 0
        inputs = prepare_inputs(recipe, cohort, Path(temporary), default_jobs())
        findings = check_cohort(cohort, inputs, read_table(PreparedCohort.samples_file(Path(temporary))), namespace.out)
        return print_check(cohort, findings, namespace.out)


def whole(cohort: Cohort, target: str | None, protocol: str | None) -> Recipe:
    """A recipe without training: one model that sees every modality with the cohort's own settings."""
    everything = Arm(" + ".join(cohort.modalities()))
    key = cohort.target(target).key
    return Recipe(
        "cohort",
        cohort.name,
        everything,
        everything,
        everything,
        target=key,
        protocol=protocol or "",
    )


def _build_shard(namespace: argparse.Namespace, out: Path) -> int:
    shard = Shard(*namespace.shard)
    # Of this shard alone: others are being built beside it.
    with removed_on_input_error(shard_folder(out, shard)):
        cohort = cohort_at(namespace.name, namespace.root, out / "cohort", {})
        count = build_shard(whole(cohort, namespace.target, namespace.protocol), cohort, shard, out, default_jobs())
    print(f"shard {shard} of cohort {cohort.name}: {count} samples: {shard_folder(out, shard)}")
    print("When all are there, the same command without --shard puts them together.")
    return 0


def _build(namespace: argparse.Namespace) -> int:
    out: Path = namespace.out or Path("runs") / f"cohort-{namespace.name}"
    if namespace.shard:
        return _build_shard(namespace, out)
    shards = Shards.of(out)
    file = out / "split" / "seed0" / "split.json"
    with removed_on_input_error(out):
        cohort = cohort_at(namespace.name, namespace.root, out / "cohort", {})
        recipe = whole(cohort, namespace.target, namespace.protocol)
        inputs = prepare_inputs(recipe, cohort, out, default_jobs(), shards)
        samples = read_table(PreparedCohort.samples_file(out))
        split = draw_split(samples, inputs.target, inputs.protocol, 0, inputs.official)
        split.save(file)
    if shards:
        shutil.rmtree(out / SHARDS)
    heading = f"cohort {cohort.name}, target {inputs.target.key}"
    print("\n\n".join([heading, flow_table(inputs.flow), *aside_table(inputs.aside)]) + "\n")
    print(
        f"samples   {samples.height} of {samples['subject_id'].n_unique()} subjects: {PreparedCohort.samples_file(out)}"
    )
    print(
        f"split     {inputs.protocol}, seed 0, {split.table['fold'].n_unique()} folds, sha256 {split.sha256[:12]}: {file}"
    )
    for name, stored in inputs.prepared("student").items():
        size = " x ".join(map(str, stored.values.shape))
        print(f"prepared  {name}, {size}, sha256 {stored.sha256[:12]}: {stored.folder}")
    return 0
