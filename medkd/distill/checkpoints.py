"""Checkpoints and fitted models that ``medkd fit|validate|test`` begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from medkd.distill.learner import WEIGHTS
from medkd.errors import InputError

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from medkd.distill.distiller import Distiller

EVALUATING = ("validate", "test")
"""Subcommands that score a fitted model and change nothing."""
LEARNER = "learner"
"""Folder of the fitted model, below the fit's."""
_UNTIL_FITTED = ("best", "hpc")


def checked_checkpoint(name: str | Path | None, trainer: Trainer, remedy: str) -> bool:
    """Whether a checkpoint was asked for, and is there.

    Args:
        name: ``--ckpt_path``: a file, or "last" for the newest that the fit's callbacks wrote.
        trainer: with those callbacks.
        remedy: what to do where there is none.

    Raises:
        InputError: it is not there.
    """
    if name is None:
        return False
    if str(name) == "last":
        if not _has_last(trainer):
            raise InputError("there is no last checkpoint", where=trainer.default_root_dir, remedy=remedy)
    elif str(name) in _UNTIL_FITTED:
        raise InputError(
            f"'{name}' names no checkpoint before a fit", where="--ckpt_path", remedy=f"Give its file. {remedy}"
        )
    elif "://" not in str(name) and not Path(name).is_file():
        raise InputError(f"no such checkpoint: {name}", where="--ckpt_path", remedy=remedy)
    return True


def load_fitted(model: Distiller, network: dict[str, Any], folder: Path) -> None:
    """Put the weights of a fitted model into a module that was just initialised.

    Args:
        model: of the same configuration.
        network: that configuration's class and arguments.
        folder: what the fit left.

    Raises:
        InputError: there is none, or it is of another network.
    """
    settings = folder / "learner.yaml"
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if not settings.is_file() or weights is None:
        raise InputError(
            "there is no fitted model to score",
            where=folder,
            remedy="Run medkd fit with this configuration first, or give a checkpoint with --ckpt_path FILE",
        )
    fitted = yaml.safe_load(settings.read_text(encoding="utf-8"))
    if fitted["network"] != network:
        raise InputError(
            "the fitted model is of another network than this configuration",
            where=folder,
            remedy="Give the fit.yaml of that fit without changes to model.network",
        )
    for one in {id(one): one for one in (model.network, model.kept)}.values():
        one.load_weights(weights.read_bytes(), folder)


def keep_logs_of_fit(loggers: Any, subcommand: str) -> None:
    """Give each configured logger with a version of its own a folder below it: a fit's log is not written over.

    Args:
        loggers: ``trainer.logger`` of the configuration, changed in place.
        subcommand: name of the folder.
    """
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        arguments = logger.get("init_args") if hasattr(logger, "get") else None
        if arguments is not None and arguments.get("version") is not None:
            version = str(arguments["version"])
            arguments["version"] = f"{version}/{subcommand}" if version else subcommand


def _has_last(trainer: Trainer) -> bool:
    """Whether Lightning would find a checkpoint under the name "last"."""
    from lightning.pytorch.callbacks import ModelCheckpoint, OnExceptionCheckpoint

    return any(
        (isinstance(callback, ModelCheckpoint) and bool(callback._find_last_checkpoints(trainer)))
        or (isinstance(callback, OnExceptionCheckpoint) and Path(callback.ckpt_path).is_file())
        for callback in trainer.callbacks  # type: ignore[attr-defined]
    )
