"""One neural stage through LightningCLI.

What ``medkd fit|validate|test --config YAML`` runs, and what a recipe's fit stage runs too.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from medkd.data.loading.datamodule import SampleData
from medkd.distill.distiller import Distiller
from medkd.distill.learner import FittedModel
from medkd.distill.randomness import KeepRandomness
from medkd.errors import InputError
from medkd.pipeline.config_error import explained


class StageCLI(LightningCLI):
    """LightningCLI over ``Distiller`` and ``SampleData``; after a fit it leaves the learner beside the logs.

    Args:
        words: the subcommand, then its options.
        run: False parses and makes every object, and runs nothing.

    Raises:
        InputError: the configuration is wrong; jsonargparse's many lines become one, with the nearest valid key.
    """

    def __init__(self, words: Sequence[str], *, run: bool = True) -> None:
        self.words = list(words)
        super().__init__(
            Distiller,
            SampleData,
            args=self.words if run else self.words[1:],
            run=run,
            save_config_callback=None,
            # Our batches know which process they are for; Lightning would put a sampler of its own in their place.
            trainer_defaults={
                "callbacks": [KeepRandomness()],
                "num_sanity_val_steps": 0,
                "use_distributed_sampler": False,
            },
            parser_kwargs={"exit_on_error": False, "allow_abbrev": False},
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Fit, validate and test; ``predict`` is a bundle's work."""
        return {name: held for name, held in LightningCLI.subcommands().items() if name != "predict"}

    def _add_subcommands(self, parser: LightningArgumentParser, **kwargs: Any) -> None:
        """Only the subcommand that was asked for.

        A recipe parses hundreds of configurations, and each parser takes 50 ms to build.
        """
        chosen = {name: held for name, held in self.subcommands().items() if name == self.words[0]}
        self.subcommands = lambda: chosen  # type: ignore[method-assign]
        super()._add_subcommands(parser, **kwargs)

    def _add_instantiators(self) -> None:
        """None: Lightning's dump the whole configuration as hyper-parameters, and nothing here keeps those."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Threads of one fit: the same number gives bitwise the same weights."""
        parser.add_argument("--threads", type=int, default=1, help="CPU threads of one fit")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and explain what is wrong."""
        try:
            super().parse_arguments(parser, args)
        except ArgumentError as error:
            subparsers = getattr(self, "_subcommand_parsers", {})
            chosen = subparsers.get(self.words[0], parser)
            raise explained(str(error), [action.dest for action in chosen._actions], self._config_file()) from error

    def instantiate_classes(self) -> None:
        """Make every object; what a constructor refuses is the user's to mend."""
        try:
            super().instantiate_classes()
        except (TypeError, ValueError, MisconfigurationException) as error:
            first = str(error).strip().partition("\n")[0]
            raise InputError(
                f"not accepted: {first[:300]}", where=self._config_file(), remedy="See: medkd fit --help"
            ) from error

    def before_instantiate_classes(self) -> None:
        """Set the threads before the first operation."""
        torch.set_num_threads(self._chosen()["threads"])

    def after_fit(self) -> None:
        """Keep what was fitted in ``default_root_dir/learner``; of several processes the first does."""
        if not self.trainer.is_global_zero:
            return
        held = self._chosen()["model"]["network"]
        spec = {"class_path": held["class_path"], "init_args": _plain(held["init_args"])}
        learner = FittedModel(
            network=self.model.kept,
            network_config=spec,
            model_input=self.datamodule.model_inputs["model"],
            target=self.datamodule.target,
            statistics=self.datamodule.statistics["model"],
        )
        learner.save(Path(self.trainer.default_root_dir) / "learner")

    def _chosen(self) -> Any:
        return self.config[self.subcommand] if self.subcommand else self.config

    def _config_file(self) -> str:
        return next(
            (self.words[place + 1] for place, word in enumerate(self.words[:-1]) if word in ("--config", "-c")),
            "configuration",
        )


def main(argv: Sequence[str]) -> int:
    """Run ``fit``, ``validate`` or ``test``.

    Raises:
        InputError: the configuration is missing, is not YAML, or is wrong; or a checkpoint is no checkpoint.
    """
    quieten()
    words = list(argv)
    for place, word in enumerate(words[:-1]):
        if word in ("--config", "-c"):
            _check_file(Path(words[place + 1]))
    if len(words) == 1:
        raise InputError("no configuration", where=f"medkd {words[0]}", remedy="Give --config YAML")
    try:
        StageCLI(words)
    except UnpicklingError as error:
        named = [Path(word.rpartition("=")[2]).name for word in words if word.endswith(".ckpt")]
        raise InputError(
            "the checkpoint is damaged, or holds more than weights and plain values; nothing in it was run",
            where=named[0] if named else "ckpt_path",
            remedy="Give one that medkd fit wrote",
        ) from error
    return 0


def quieten() -> None:
    """Silence what Lightning says at every start; errors still speak, and progress bars where there is a terminal."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"(lightning|torch)\..*")


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError("no such file", where=path, remedy="Give the fit.yaml that a stage printed")
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"not YAML: {' '.join(str(error).split())[:120]}", where=path, remedy="Mend the file"
        ) from error
    if isinstance(held, dict) and "student" in held:
        raise InputError(
            "a recipe, not the configuration of one fit",
            where=path,
            remedy="Give the fit.yaml that one of its stages wrote",
        )


def _plain(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "as_dict"):
        return {
            key: _plain(inner) for key, inner in dict(value.as_dict() if hasattr(value, "as_dict") else value).items()
        }
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
