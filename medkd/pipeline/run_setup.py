"""Set-up of a run: from a recipe to an open cohort, prepared arrays and a graph of stages."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medkd.data.core.cohort import Cohort
from medkd.data.core.registry import Registry
from medkd.data.io.atomic import removed_on_input_error
from medkd.data.io.load import read_table
from medkd.errors import InputError, nearest
from medkd.evidence.statistics.metrics import metric_named
from medkd.pipeline.check_arms import check_arms, check_target
from medkd.pipeline.check_splits import check_splits
from medkd.pipeline.graph import Graph, make_graph
from medkd.pipeline.prepared_cohort import PreparedCohort, prepare_cohort
from medkd.pipeline.recipe import Recipe, load_recipe

FAST_SUBJECTS = 150
"""Size of a synthetic cohort in a ``--fast`` run, unless the recipe asks for fewer."""


def open_cohort(recipe: Recipe, run: Path, registry: Registry) -> Cohort:
    """The cohort at its root, or synthesised below the run.

    Raises:
        InputError: there is no such cohort, or a real one needs ``--root``.
    """
    options = dict(recipe.cohort_options)
    if recipe.fast:
        options["subjects"] = min(FAST_SUBJECTS, int(options.get("subjects", FAST_SUBJECTS)))
    root = Path(recipe.root) if recipe.root else None
    return cohort_at(registry.cohort(recipe.cohort), root, run / "cohort", options)


def cohort_at(kind: type[Cohort], root: Path | None, folder: Path, options: Mapping[str, Any]) -> Cohort:
    """The cohort at its root, or where there is none synthesised in ``folder`` with ``options``.

    Raises:
        InputError: a real cohort needs ``--root``, or an option is unknown.
    """
    if root is not None:
        return kind(root)
    synthesise = getattr(kind, "synthesise", None)
    if synthesise is None:
        raise InputError(
            f"cohort {kind.name} needs its folder", where="--root", remedy=f"Give the folder that holds {kind.marker}"
        )
    known = [option for option in inspect.signature(synthesise).parameters if option != "root"]
    for option in options:
        if option not in known:
            raise InputError(
                f"unknown key 'cohort_options.{option}'",
                where=f"cohort {kind.name}",
                remedy=nearest(str(option), known),
            )
    return kind(synthesise(folder, **options))


def begin(recipe: Recipe, run: Path, jobs: int, registry: Registry) -> Graph:
    """Prepare the cohort below ``run``, keep the resolved recipe there, and make the stages.

    Raises:
        InputError: the recipe, the cohort or its data are wrong; a folder that was not there before is then removed
            again.
    """
    made = check_arms(recipe)
    with removed_on_input_error(run):
        cohort = open_cohort(recipe, run, registry)
        # Before hours of fits, not after them.
        target = cohort.target(recipe.target or None)
        metric_named(recipe.evidence_settings.metric, target.kind)
        check_target(made, target)
        prepared = prepare_cohort(recipe, cohort, run, jobs)
        samples = read_table(PreparedCohort.samples_file(run))
        check_splits(samples, prepared, range(recipe.seeds), recipe.label_fractions)
        recipe.save(run / "recipe.yaml")
        return make_graph(recipe, prepared)


def open_run(recipe_file: Path, run: Path, jobs: int, registry: Registry) -> Graph:
    """The stages of a run that was begun, or of a task's recipe about to begin there."""
    return begin(load_recipe(recipe_file), run, jobs, registry)
