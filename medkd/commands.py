"""What can be typed after ``medkd``: each command's arguments, its example, and where its code lives."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from medkd.errors import InputError, nearest

KINDS = ("tasks", "cohorts", "modalities", "objectives")
"""What ``medkd list`` can list."""


class Parser(argparse.ArgumentParser):
    """An argument parser that explains a mistake in one line and knows the nearest option."""

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse what was typed after the command's name.

        Raises:
            InputError: an option is unknown, an argument is missing, or one too many was given.
        """
        for word in words:
            option = word.partition("=")[0]
            if option.startswith("--") and len(option) > 2 and option not in self._option_string_actions:
                known = [name for name in self._option_string_actions if name.startswith("--")]
                raise InputError(f"unknown option '{option}'", where=self.prog, remedy=nearest(option, known))
        namespace, left_over = self.parse_known_args(list(words))
        if left_over:
            self.error(f"'{left_over[0]}' is one argument too many")
        return namespace

    def error(self, message: str) -> NoReturn:
        """Raise the message that argparse would print with its usage.

        Raises:
            InputError: always.
        """
        found = re.match(r"argument (?P<name>\S+): (?P<what>.*)", message, re.DOTALL)
        what = f"{found['name']}: {found['what']}" if found else message
        raise InputError(what, where=self.prog, remedy=f"See: {self.prog} --help")


@dataclass(frozen=True)
class Command:
    """One command of ``medkd``.

    Args:
        summary: one line for ``medkd --help``.
        code: ``module:function``, imported once the command was chosen.
        example: what a user may type, shown at the end of ``--help``.
        arguments: adds the command's arguments to its parser.
        calls: what the function is called with: "namespace"; "overrides", namespace and the dotted options as a list of
            ``STAGE.KEY=VALUE``; "keywords", each argument by its name; or "argv", every word as typed, the command's name first.
    """

    summary: str
    code: str
    example: str
    arguments: Callable[[Parser], None]
    calls: Literal["namespace", "overrides", "keywords", "argv"] = "namespace"

    def parser(self, name: str) -> Parser:
        """The parser of this command under ``name``."""
        parser = Parser(
            prog=f"medkd {name}",
            description=self.summary,
            epilog=f"example:\n  {self.example}",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
        self.arguments(parser)
        return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of names, such as soft_labels,info_nce")
    return names


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(word) for word in text.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share <= 1 for share in shares):
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of shares above 0 and up to 1, such as 0.1,0.3,1")
    return shares


def _protocol(text: str) -> str:
    if text not in ("holdout", "official") and not re.fullmatch(r"kfold:([3-9]|[1-9]\d+)", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not holdout, official or kfold:K with K of 3 or more, such as kfold:5")
    return text


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"'{text}' is not a shard i/n with 1 <= i <= n, such as 2/4")
    return int(found[1]), int(found[2])


def _one_of(where: str, choices: Sequence[str]) -> Callable[[str], str]:
    def choose(text: str) -> str:
        if text not in choices:
            raise InputError(f"'{text}' is not a choice", where=where, remedy=nearest(text, choices))
        return text

    return choose


def _option(parser: Parser, name: str, **settings: Any) -> None:
    parser.add_argument(f"--{name}", **settings)


def _data(parser: Parser) -> None:
    _option(parser, "root", type=Path, metavar="DIR", help="folder of the data set; not needed for demo_* cohorts")
    _option(parser, "target", metavar="KEY", help="what to predict, a key that the cohort lists")
    _option(parser, "protocol", type=_protocol, metavar="P", help="holdout, official or kfold:K; default: the cohort's own")


def _distill(parser: Parser) -> None:
    parser.add_argument("task", metavar="TASK", help="see: medkd list tasks")
    _option(parser, "cohort", metavar="NAME", help="see: medkd list cohorts; default: the task's own")
    _data(parser)
    _option(parser, "seeds", type=_count, metavar="N", help="seeds 0 to N-1; default 3")
    _option(parser, "labels", type=_shares, metavar="F", help="share of subjects that keep their label, or several: 0.1,0.3,1")
    _option(parser, "out", type=Path, metavar="DIR", help="default: runs/TASK-COHORT")
    _option(parser, "jobs", type=_count, metavar="N", help="fits at once; default: one a core, one on a GPU; results do not depend on it")
    _option(parser, "fast", action="store_true", help="one seed, two folds, 20 steps; the verdict is 'invalid'")
    parser.epilog = f"{parser.epilog}\n\nA dotted option --STAGE.KEY VALUE reaches into a stage of the task's recipe."


def _tune(parser: Parser) -> None:
    parser.add_argument("task", metavar="TASK", help="see: medkd list tasks; or a folder with a recipe.yaml")
    _option(parser, "cohort", metavar="NAME", help="see: medkd list cohorts; default: the task's own")
    _data(parser)
    _option(parser, "labels", type=_shares, metavar="F", help="share of subjects that keep their label; of several, the largest")
    _option(
        parser,
        "arm",
        type=_one_of("--arm", ("solo", "teacher", "student")),
        metavar="ARM",
        help="solo, teacher or student; default: all three, so",
    )
    _option(parser, "trials", type=_count, default=20, metavar="N", help="trials of an arm, those of earlier runs counted; default 20")
    _option(parser, "seeds", type=_count, default=2, metavar="N", help="splits that a trial is scored on, from seed 100; default 2")
    _option(parser, "folds", type=_count, default=1, metavar="N", help="outer folds of each split, taken out in turn; default 1")
    _option(parser, "timeout", type=_count, metavar="MINUTES", help="begin no trial later; shared by the arms")
    _option(parser, "out", type=Path, metavar="DIR", help="default: runs/tune-TASK-COHORT")
    _option(parser, "jobs", type=_count, metavar="N", help="fits at once; default: one a core, one on a GPU; results do not depend on it")
    parser.epilog = (
        f"{parser.epilog}\n\nWhat is searched stands in the recipe under 'search'. A dotted option --STAGE.KEY VALUE reaches into a stage."
    )


def _lightning(parser: Parser) -> None:
    _option(parser, "config", metavar="YAML", help="complete configuration, as a recipe's stage prints it")
    parser.epilog = f"{parser.epilog}\n\nEvery further option goes to LightningCLI; --print_config shows what it understood."


def _stage(parser: Parser) -> None:
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a task's recipe.yaml, or the resolved one in a run's folder")
    parser.add_argument("name", metavar="NAME", help="the stage's name")
    _option(parser, "out", type=Path, metavar="DIR", required=True, help="where the stage's outputs go")


def _cohort(parser: Parser) -> None:
    actions = ("build", "check", "describe")
    parser.add_argument("action", metavar="ACTION", type=_one_of("medkd cohort ACTION", actions), help=", ".join(actions))
    parser.add_argument("name", metavar="NAME", help="see: medkd list cohorts")
    _data(parser)
    _option(parser, "out", type=Path, metavar="DIR", help="where build puts samples, splits and prepared arrays")
    _option(parser, "shard", type=_shard, metavar="I/N", help="build only the subjects of part I of N; without it, build joins the parts")


def _predict(parser: Parser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that medkd distill left")
    parser.add_argument("input", type=Path, metavar="INPUT", help="folder of files, a cohort's root, or a CSV/Parquet manifest")
    _option(parser, "out", type=Path, metavar="DIR", required=True, help="where predictions, quarantine and run.json go")
    _option(parser, "shard", type=_shard, metavar="I/N", help="compute only part I of N, counted from 1")
    _option(parser, "batch-size", type=_count, default=32, metavar="N", help="records in a pass of the network; default 32")
    _option(parser, "device", default="auto", metavar="D", help="auto, cpu or cuda; default auto")
    _option(parser, "workers", type=_count, metavar="N", help="threads that read and prepare; default: one a core, up to 8")
    _option(parser, "trust", action="append", default=[], metavar="PACKAGE", help="let the bundle name classes of PACKAGE too")


def _verify(parser: Parser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of golden vectors")
    _option(parser, "strict", action="store_true", help="count a skipped case as a failure")
    _option(parser, "allow-skip", action="append", default=[], metavar="NAME", help="with --strict: NAME may be skipped")


def _list(parser: Parser) -> None:
    parser.add_argument("kind", nargs="?", metavar="KIND", type=_one_of("medkd list KIND", KINDS), help=f"{', '.join(KINDS)}; default: all")


def _benchmark(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="privileged: what each objective earns")
    _option(parser, "cohort", metavar="NAME", help="measure on a real cohort; default: on synthetic data whose answer is known")
    _option(parser, "root", type=Path, metavar="DIR", help="folder of the cohort")
    _option(parser, "target", metavar="KEY", help="what to predict, a binary key that the cohort lists")
    _option(
        parser, "task", metavar="NAME", help="whose recipe for the cohort says what each party sees; default: the only task that has one"
    )
    _option(parser, "objectives", type=_names, metavar="A,B", help="such as soft_labels,info_nce; default: all that can take part")
    _option(parser, "seeds", type=_count, metavar="N", help="seeds 0 to N-1; default 40, on a cohort 3")
    _option(parser, "out", type=Path, metavar="DIR", help="default: runs/benchmark-NAME, with the cohort's name behind it")
    _option(parser, "jobs", type=_count, metavar="N", help="processes; default: one a core; results do not depend on it")
    _option(parser, "fast", action="store_true", help="a few steps of a few seeds: shows that it runs, its numbers mean nothing")


def _nothing(parser: Parser) -> None:
    """The command takes no arguments of its own."""


COMMANDS = {
    "distill": Command(
        "Run every stage of a task: teacher, students, evidence, bundle. Resumes where it stopped.",
        "medkd.recipe.distill:main",
        "medkd distill ecg_lead --cohort demo_ecg --out runs/demo",
        _distill,
        calls="overrides",
    ),
    "fit": Command(
        "Train one network through LightningCLI.", "medkd.recipe.lightning_cli:main", "medkd fit --config fit.yaml", _lightning, "argv"
    ),
    "validate": Command(
        "Score one network on its validation part.",
        "medkd.recipe.lightning_cli:main",
        "medkd validate --config fit.yaml",
        _lightning,
        "argv",
    ),
    "test": Command(
        "Score one network on its test part.", "medkd.recipe.lightning_cli:main", "medkd test --config fit.yaml", _lightning, "argv"
    ),
    "stage": Command(
        "Repeat one stage of a recipe.",
        "medkd.recipe.runner:stage_main",
        "medkd stage runs/demo/recipe.yaml split/seed0 --out again",
        _stage,
    ),
    "cohort": Command(
        "Build, check or describe a data set: counts, and every exclusion with its reason.",
        "medkd.recipe.cohort_command:main",
        "medkd cohort describe brugada_huca --root ../shared/data/ecg/brugada-huca",
        _cohort,
    ),
    "tune": Command(
        "Search a recipe's values on inner validation: solo, teacher, then student. Resumes where it stopped.",
        "medkd.recipe.tune_command:main",
        "medkd tune ecg_lead --cohort demo_ecg --trials 20 --out runs/tune",
        _tune,
        calls="overrides",
    ),
    "predict": Command(
        "Score files with a bundle. Resumes where it stopped; an unreadable file is set aside.",
        "medkd.deploy.predict:main",
        "medkd predict runs/demo/bundle records --out scores",
        _predict,
    ),
    "verify": Command(
        "Hold our formulas against golden vectors of published code.",
        "medkd.verify:verify",
        "medkd verify ../shared/golden --strict --allow-skip some_system/some_function",
        _verify,
        calls="keywords",
    ),
    "benchmark": Command(
        "Measure what each objective earns, where the answer is known (resumes by cell) or on a cohort.",
        "medkd.recipe.benchmark.command:main",
        "medkd benchmark privileged --objectives soft_labels,info_nce --out runs/benchmark",
        _benchmark,
    ),
    "list": Command("List tasks, cohorts, modalities and objectives.", "medkd.listing:main", "medkd list cohorts", _list),
    "doctor": Command("Say what is missing on this machine, and how to mend it.", "medkd.doctor:main", "medkd doctor", _nothing),
}
PLANNED = ("evaluate", "app")
"""Commands of the design that are not built yet."""
