"""From a recipe to an open cohort, and from a run's folder to its stages."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medkd.data.core.cohort import Cohort
from medkd.data.io.atomic import removed_on_input_error
from medkd.data.io.load import read_table
from medkd.errors import InputError, nearest
from medkd.evidence.settings import EvidenceSettings
from medkd.evidence.statistics.metrics import metric_named
from medkd.pipeline.check_arms import check_arms, check_target
from medkd.pipeline.check_splits import check_splits
from medkd.pipeline.graph import Graph, make_graph
from medkd.pipeline.prepared_cohort import PreparedCohort, prepare_inputs
from medkd.pipeline.recipe import Recipe, load_recipe
from medkd.registry import find_cohort

FAST_SUBJECTS = 150
"""Size of a synthesised cohort in a ``--fast`` run, unless the recipe asks for fewer."""


def open_cohort(recipe: Recipe, run: Path) -> Cohort:
    """The cohort at its root, or synthesised below the run.

    Raises:
        InputError: a real cohort needs ``--root``.
    """
    options = dict(recipe.cohort_options)
    if recipe.fast:
        options["subjects"] = min(FAST_SUBJECTS, int(options.get("subjects", FAST_SUBJECTS)))
    return cohort_at(recipe.cohort, Path(recipe.root) if recipe.root else None, run / "cohort", options)


def cohort_at(name: str, root: Path | None, place: Path, options: Mapping[str, Any]) -> Cohort:
    """The cohort of that name at its root, or where there is none synthesised at ``place`` with ``options``.

    Raises:
        InputError: there is no such cohort, a real one needs ``--root``, or an option is unknown.
    """
    kind = find_cohort(name)
    if root is not None:
        return kind(root)
    synthesise = getattr(kind, "synthesise", None)
    if synthesise is None:
        raise InputError(
            f"cohort {name} needs its folder", where="--root", remedy=f"Give the folder that holds {kind.marker}"
        )
    known = [option for option in inspect.signature(synthesise).parameters if option != "root"]
    for option in options:
        if option not in known:
            raise InputError(
                f"unknown key 'cohort_options.{option}'", where=f"cohort {name}", remedy=nearest(str(option), known)
            )
    return kind(synthesise(place, **options))


def begin(recipe: Recipe, run: Path, jobs: int) -> Graph:
    """Prepare the cohort below ``run``, keep the resolved recipe there, and lay out the stages.

    Raises:
        InputError: the recipe, the cohort or its data are wrong; a folder that was not there before is then removed
            again.
    """
    made = check_arms(recipe)
    with removed_on_input_error(run):
        cohort = open_cohort(recipe, run)
        # Before hours of fits, not after them.
        target = cohort.target(recipe.target or None)
        metric_named(EvidenceSettings(**recipe.evidence).metric, target.kind)
        check_target(made, target)
        inputs = prepare_inputs(recipe, cohort, run, jobs)
        samples = read_table(PreparedCohort.samples_file(run))
        check_splits(
            samples, inputs.target, inputs.protocol, inputs.official, range(recipe.seeds), recipe.label_fractions
        )
        recipe.save(run / "recipe.yaml")
        return make_graph(recipe, inputs)


def open_run(recipe_file: Path, run: Path, jobs: int) -> Graph:
    """The stages of a run that was begun, or of a task's recipe about to begin there."""
    return begin(load_recipe(recipe_file), run, jobs)
