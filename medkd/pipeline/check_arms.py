"""Check of arms: every arm of a recipe is parsed as its fits will be, before any work starts."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from medkd.data.core.instantiate import instantiate
from medkd.data.core.target import Target
from medkd.distill.distiller import Distiller
from medkd.distill.trees import TreeLearner
from medkd.errors import InputError
from medkd.pipeline.nested_values import merged
from medkd.pipeline.recipe import ARMS, FitSettings, Recipe
from medkd.pipeline.stages.fit import LOGGERS


def check_arms(recipe: Recipe) -> dict[str, Distiller | TreeLearner]:
    """Make network, objectives, data module and trainer of one fit of each arm; no file of the run need exist.

    The target is checked when the cohort is open (``check_target``), a view's channels when it is prepared.

    Returns:
        The module or learner that each arm would fit.

    Raises:
        InputError: a key is unknown (with the nearest valid one), or a value does not fit; the arm is named.
    """
    from medkd.pipeline.lightning_cli import StageCLI, quieten

    quieten()
    made: dict[str, Distiller | TreeLearner] = {}
    with tempfile.TemporaryDirectory(prefix="medkd-") as folder:
        for name, arm in _fits(recipe):
            if "learner" in arm.model:
                made[name] = _learner(arm, name)
                continue
            file = Path(folder) / f"{name}.yaml"
            file.write_text(yaml.safe_dump(_one_fit(arm, recipe.threads, folder), sort_keys=False), encoding="utf-8")
            try:
                made[name] = StageCLI(["fit", "--config", str(file)], run=False).model
            except InputError as error:
                where = str(error.where).replace(str(file), "").strip(" ,")
                raise InputError(
                    error.what, where=f"recipe, {name}{f', {where}' if where else ''}", remedy=error.remedy
                ) from error
    return made


def check_target(made: Mapping[str, Distiller | TreeLearner], target: Target) -> None:
    """Refuse a target that an arm, or an objective of it, cannot be used with.

    Raises:
        InputError: the arm is named.
    """
    for name, model in made.items():
        try:
            model.check(target)
        except InputError as error:
            raise InputError(error.what, where=f"recipe, {name}, {error.where}", remedy=error.remedy) from error


def _fits(recipe: Recipe) -> Iterator[tuple[str, FitSettings]]:
    for name in ARMS:
        arm = recipe.arm(name)
        yield name, arm
        if arm.pretrain:
            yield f"{name}.pretrain", arm.pretrain


def _learner(arm: FitSettings, name: str) -> TreeLearner:
    spec = arm.model["learner"]
    if not isinstance(spec, dict) or "class_path" not in spec:
        raise InputError(
            "model.learner names no class", where=f"recipe, {name}", remedy="Give class_path and init_args"
        )
    if other := sorted(set(arm.model) - {"learner"}):
        raise InputError(
            f"model has both a learner and '{other[0]}'",
            where=f"recipe, {name}",
            remedy="Settings of a learner are its init_args",
        )
    try:
        return instantiate(spec, TreeLearner, ("medkd", str(spec["class_path"]).split(".")[0]))
    except InputError as error:
        raise InputError(error.what, where=f"recipe, {name}, model.learner", remedy=error.remedy) from error


def _one_fit(arm: FitSettings, threads: int, folder: str) -> dict[str, Any]:
    """A fit's configuration with the recipe's own values, and stand-ins for the outputs of the stages before it."""
    needs = {"banks": {"teacher": folder}} if arm.model.get("objectives") else {}
    spec = arm.model.get("network")
    network = merged({"init_args": {"outputs": 1}}, spec if isinstance(spec, dict) else {})
    data = {
        "samples": "",
        "split": "",
        "split_sha256": "",
        "held_out": [0],
        "target": dataclasses.asdict(Target("target", "binary", ("target",))) | {"columns": ["target"], "classes": []},
        "model_inputs": {"model": {"view": arm.view, "modalities": {}}},
        "prepared": {"model": {}},
    }
    loggers = [merged(logger, {"init_args": {"save_dir": folder}}) for logger in LOGGERS]
    trainer = {"logger": loggers, "enable_model_summary": False, "default_root_dir": folder}
    return {
        "seed_everything": 0,
        "threads": threads,
        "trainer": merged(trainer, arm.trainer),
        "model": merged(arm.model, {"network": network, **needs}),
        "data": merged(data, arm.data),
    }
