"""From a recipe to an open cohort, and from a run's folder to its stages."""

from __future__ import annotations

from pathlib import Path

from medkd.data.cohort import Cohort
from medkd.errors import InputError
from medkd.listing import find_cohort
from medkd.recipe.graph import Graph, make_graph
from medkd.recipe.inputs import prepare_inputs
from medkd.recipe.recipe import Recipe, load_recipe

FAST_SUBJECTS = 150
"""Size of a synthesised cohort in a ``--fast`` run, unless the recipe asks for fewer."""


def open_cohort(recipe: Recipe, run: Path) -> Cohort:
    """The cohort at its root, or synthesised below the run.

    Raises:
        InputError: a real cohort needs ``--root``.
    """
    kind = find_cohort(recipe.cohort)
    synthesise = getattr(kind, "synthesise", None)
    if recipe.root:
        return kind(Path(recipe.root))
    if synthesise is None:
        raise InputError(f"cohort {recipe.cohort} needs its folder", where="--root", remedy=f"Give the folder that holds {kind.marker}")
    options = dict(recipe.cohort_options)
    if recipe.fast:
        options["subjects"] = min(FAST_SUBJECTS, int(options.get("subjects", FAST_SUBJECTS)))
    root = run / "cohort"
    synthesise(root, **options)
    return kind(root)


def begin(recipe: Recipe, run: Path, jobs: int) -> Graph:
    """Prepare the cohort below ``run``, keep the resolved recipe there, and lay out the stages.

    Raises:
        InputError: the recipe, the cohort or its data are wrong.
    """
    inputs = prepare_inputs(recipe, open_cohort(recipe, run), run, jobs)
    recipe.save(run / "recipe.yaml")
    return make_graph(recipe, inputs)


def open_run(recipe_file: Path, run: Path, jobs: int) -> Graph:
    """The stages of a run that was begun, or of a task's recipe about to begin there."""
    return begin(load_recipe(recipe_file), run, jobs)
