"""LightningCLI of one neural stage, with one-line errors.

``medkd fit|validate|test --config YAML`` runs it, and so does a recipe's fit stage.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from medkd.data.loading.datamodule import SampleData
from medkd.distill.checkpoints import EVALUATING, LEARNER, checked_checkpoint, keep_logs_of_fit, load_fitted
from medkd.distill.distiller import Distiller
from medkd.distill.learner import FittedModel
from medkd.distill.random_state import RandomStateCheckpoint
from medkd.errors import InputError, nearest

_CLASS = re.compile(r"class_path '?(?P<path>[\w.]+)'?")
_NO_ATTRIBUTE = re.compile(r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'")
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "dict": "names with values",
    "list": "a list",
    "NoneType": "null",
}


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
                "callbacks": [RandomStateCheckpoint()],
                "num_sanity_val_steps": 0,
                "use_distributed_sampler": False,
            },
            parser_kwargs={"exit_on_error": False, "allow_abbrev": False},
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Fit, validate and test; a bundle does what ``predict`` would."""
        return {name: skipped for name, skipped in LightningCLI.subcommands().items() if name != "predict"}

    def _add_subcommands(self, parser: LightningArgumentParser, **kwargs: Any) -> None:
        """Only the subcommand that was asked for.

        A recipe parses hundreds of configurations, and each parser takes 50 ms to build.
        """
        chosen = {name: skipped for name, skipped in self.subcommands().items() if name == self.words[0]}
        self.subcommands = lambda: chosen  # type: ignore[method-assign]
        super()._add_subcommands(parser, **kwargs)

    def _add_instantiators(self) -> None:
        """Add none: Lightning's dump the whole configuration as hyper-parameters, which nothing here keeps."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the threads of one fit: the same number gives bitwise the same weights."""
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
        """Make every object; a constructor's refusal is the user's to correct."""
        try:
            super().instantiate_classes()
        except (TypeError, ValueError, MisconfigurationException) as error:
            first = str(error).strip().partition("\n")[0]
            raise InputError(
                f"not accepted: {first[:300]}", where=self._config_file(), remedy="See: medkd fit --help"
            ) from error

    def before_instantiate_classes(self) -> None:
        """Set the threads before the first operation; what only evaluates gets log files of its own."""
        torch.set_num_threads(self._chosen()["threads"])
        if self.subcommand in EVALUATING:
            keep_logs_of_fit(self._chosen()["trainer"]["logger"], self.subcommand)

    def before_fit(self) -> None:
        """Refuse a checkpoint that is not there: Lightning begins anew without a word."""
        checked_checkpoint(self._chosen()["ckpt_path"], self.trainer, "Leave it out to begin anew")

    def before_validate(self) -> None:
        """Take a checkpoint, or the model that the fit left: a network as it was initialised has no score."""
        if checked_checkpoint(self._chosen()["ckpt_path"], self.trainer, "Leave it out to take what the fit left"):
            return
        load_fitted(self.model, self._network_config(), Path(self.trainer.default_root_dir) / LEARNER)

    before_test = before_validate

    def after_fit(self) -> None:
        """Save the fitted model in ``default_root_dir/learner``; of several processes the first does."""
        if not self.trainer.is_global_zero:
            return
        model = FittedModel(
            network=self.model.kept,
            network_config=self._network_config(),
            model_input=self.datamodule.model_inputs["model"],
            target=self.datamodule.target,
            statistics=self.datamodule.statistics["model"],
        )
        model.save(Path(self.trainer.default_root_dir) / LEARNER)

    def _network_config(self) -> dict[str, Any]:
        network = self._chosen()["model"]["network"]
        return {"class_path": network["class_path"], "init_args": _plain(network["init_args"])}

    def _chosen(self) -> Any:
        return self.config[self.subcommand] if self.subcommand else self.config

    def _config_file(self) -> str:
        return next(
            (self.words[index + 1] for index, word in enumerate(self.words[:-1]) if word in ("--config", "-c")),
            "configuration",
        )


def run_lightning(words: Sequence[str]) -> int:
    """Run ``fit``, ``validate`` or ``test``: the subcommand, then its options.

    Raises:
        InputError: the configuration is missing, is not YAML, or is wrong; or a checkpoint is not one.
    """
    quieten()
    for index, word in enumerate(words[:-1]):
        if word in ("--config", "-c"):
            read_fit_config(Path(words[index + 1]))
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
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        raise InputError(
            "the checkpoint is of another network", where="--ckpt_path", remedy="Give one that this fit wrote"
        ) from error
    return 0


def read_fit_config(path: Path) -> dict[str, Any]:
    """Content of a ``fit.yaml``; its keys are LightningCLI's to check.

    Raises:
        InputError: it is missing, is not YAML, or is another kind of file, such as a recipe.
    """
    if not path.is_file():
        raise InputError("no such file", where=path, remedy="Give the fit.yaml that a stage printed")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"not YAML: {' '.join(str(error).split())[:120]}", where=path, remedy="Correct the file"
        ) from error
    if not isinstance(content, dict) or "student" in content:
        kind = "a recipe, not" if isinstance(content, dict) else "not"
        raise InputError(
            f"{kind} the configuration of one fit", where=path, remedy="Give the fit.yaml that one of its stages wrote"
        )
    return content


def quieten() -> None:
    """Silence Lightning's messages at every start; errors remain, and progress bars where there is a terminal."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module=r"(lightning|torch)\..*")


def explained(message: str, keys: Iterable[str], where: object) -> InputError:
    """A message of jsonargparse as one line, with the nearest valid name.

    Args:
        message: of its ``ArgumentError``.
        keys: valid keys, dotted, of the whole configuration.
        where: the file.

    >>> message = "Subcommand 'fit' does not accept option 'trainer.max_epoch'"
    >>> print(explained(message, ["trainer.max_epochs"], "fit.yaml"))
    unknown key 'trainer.max_epoch' (fit.yaml). Did you mean 'trainer.max_epochs'?
    """
    text = " ".join(message.split())
    made = _CLASS.search(text)
    if lacking := _NO_ATTRIBUTE.search(text):
        names = _names(lacking["module"])
        return InputError(
            f"{lacking['module']} has no '{lacking['name']}'", where=where, remedy=nearest(lacking["name"], names)
        )
    refused = re.search(r"Option '(?P<key>\w+)' is not accepted", text)
    if made and refused:
        remedy = nearest(refused["key"], _arguments(made["path"]))
        return InputError(f"{made['path']} takes no '{refused['key']}'", where=where, remedy=remedy)
    if unknown := re.search(r"does not accept option '(?P<key>[\w.]+)'", text) or re.search(
        r"[Kk]ey '(?P<key>[\w.]+)' is not expected", text
    ):
        group = re.search(r"Group '(?P<group>[\w.]+)' does not accept", text)
        key = f"{group['group']}.{unknown['key']}" if group else unknown["key"]
        return InputError(f"unknown key '{key}'", where=where, remedy=nearest(key, keys))
    if unrecognised := re.search(r"[Uu]nrecognized arguments: (?P<word>\S+)", text):
        option, typed = unrecognised["word"].partition("=")[0], unrecognised["word"].startswith("--")
        remedy = nearest(option[2:], keys) if typed else "See: medkd fit --help"
        return InputError(f"unknown {'option' if typed else 'argument'} '{option}'", where=where, remedy=remedy)
    if "arguments are required" in text or "is required" in text:
        return InputError(
            text.split(". ")[0], where=where, remedy="Give the fit.yaml that a stage printed, and change that"
        )
    if value := re.search(r"(Got|Given) value: (?P<value>.*)", text):
        return _wrong_value(text, value["value"], where)
    return InputError(text[:300], where=where, remedy="See: medkd fit --help")


def _wrong_value(text: str, value: str, where: object) -> InputError:
    key = ".".join(re.findall(r'Parser key "([\w.]+)"', text))
    if "Not a valid subclass" in text:
        return InputError(f"{key} names no class", where=where, remedy="Write class_path and init_args")
    choices = [
        choice for inside in re.findall(r"Literal\[(.*?)\]", text) for choice in re.findall(r"'([^']*)'", inside)
    ]
    types = dict.fromkeys(re.findall(r"Expected an? <class '([\w.]+)'>", text))
    wanted = " or ".join(_TYPES.get(name, name) for name in types)
    remedy = nearest(value, choices) if choices else f"It must be {wanted}" if wanted else "See: medkd fit --help"
    return InputError(f"{key} is '{value[:80]}'", where=where, remedy=remedy)


def _names(module: str) -> list[str]:
    """Classes of a module; of a package its modules too."""
    imported = importlib.import_module(module)
    classes = [name for name, value in vars(imported).items() if inspect.isclass(value)]
    return [*classes, *(inner.name for inner in pkgutil.iter_modules(getattr(imported, "__path__", [])))]


def _arguments(class_path: str) -> list[str]:
    module, _, name = class_path.rpartition(".")
    return [
        key for key in inspect.signature(getattr(importlib.import_module(module), name)).parameters if key != "self"
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict) or hasattr(value, "as_dict"):
        return {
            key: _plain(inner) for key, inner in dict(value.as_dict() if hasattr(value, "as_dict") else value).items()
        }
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
