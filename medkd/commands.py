"""What can be typed after ``medkd``: each command with its example, and where its code lives."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from medkd import arguments
from medkd.parser import Parser


@dataclass(frozen=True)
class Command:
    """One command of ``medkd``.

    Args:
        summary: one line for ``medkd --help``.
        code: ``module:function``, imported once the command was chosen.
        example: what a user may type, shown at the end of ``--help``.
        arguments: adds the command's arguments to its parser.
        calls: what the function is called with: "namespace"; "overrides", namespace and the dotted options as a list of
            ``STAGE.KEY=VALUE``; "keywords", each argument by its name; or "argv", every word as typed, the command's
            name first.
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


COMMANDS = {
    "distill": Command(
        "Run every stage of a task: teacher, students, evidence, bundle. Resumes where it stopped.",
        "medkd.pipeline.command:main",
        "medkd distill ecg_lead --cohort demo_ecg --out runs/demo",
        arguments.distill,
        calls="overrides",
    ),
    "fit": Command(
        "Train one network through LightningCLI.",
        "medkd.pipeline.lightning_cli:main",
        "medkd fit --config fit.yaml",
        arguments.lightning,
        "argv",
    ),
    "validate": Command(
        "Score one network on its validation part.",
        "medkd.pipeline.lightning_cli:main",
        "medkd validate --config fit.yaml",
        arguments.lightning,
        "argv",
    ),
    "test": Command(
        "Score one network on its test part.",
        "medkd.pipeline.lightning_cli:main",
        "medkd test --config fit.yaml",
        arguments.lightning,
        "argv",
    ),
    "stage": Command(
        "Repeat one stage of a recipe.",
        "medkd.pipeline.runner:stage_main",
        "medkd stage runs/demo/recipe.yaml split/seed0 --out again",
        arguments.stage,
    ),
    "cohort": Command(
        "Build, check or describe a data set: counts, and every exclusion with its reason.",
        "medkd.pipeline.cohort_build.command:main",
        "medkd cohort describe brugada_huca --root ../shared/data/ecg/brugada-huca",
        arguments.cohort,
    ),
    "tune": Command(
        "Search a recipe's values on inner validation: baseline, teacher, then student. Resumes where it stopped.",
        "medkd.pipeline.tuning.command:main",
        "medkd tune ecg_lead --cohort demo_ecg --trials 20 --out runs/tune",
        arguments.tune,
        calls="overrides",
    ),
    "predict": Command(
        "Score files with a bundle. Resumes where it stopped; an unreadable file is set aside.",
        "medkd.deploy.inference.command:main",
        "medkd predict runs/demo/bundle records --out scores",
        arguments.predict,
    ),
    "evaluate": Command(
        "Hold a bundle against patients it never saw, or a run's predictions against what became of them.",
        "medkd.deploy.evaluation.command:main",
        "medkd evaluate runs/ecg_lead-ptbxl/bundle --cohort brugada_huca --root DIR --out external",
        arguments.evaluate,
    ),
    "bundle": Command(
        "Check, describe, export or sign a bundle.",
        "medkd.deploy.inference.bundle_command:main",
        "medkd bundle check runs/demo/bundle",
        arguments.bundle,
    ),
    "app": Command(
        "Open the clinician's viewer on a bundle and cases.",
        "medkd.app.server.command:main",
        "medkd app runs/demo/bundle --cases runs/demo",
        arguments.app,
    ),
    "verify": Command(
        "Hold our formulas against golden vectors of published code.",
        "medkd.papers.verify:verify",
        "medkd verify ../shared/golden --strict --allow-skip some_system/some_function",
        arguments.verify,
        calls="keywords",
    ),
    "benchmark": Command(
        "Measure what each objective earns, where the answer is known (resumes by cell) or on a cohort.",
        "medkd.benchmark.command:main",
        "medkd benchmark privileged --objectives soft_labels,info_nce --out runs/benchmark",
        arguments.benchmark,
    ),
    "list": Command(
        "List tasks, cohorts, modalities and objectives.",
        "medkd.registry:main",
        "medkd list cohorts",
        arguments.listing,
    ),
    "doctor": Command(
        "Say what is missing on this machine, and how to mend it.",
        "medkd.doctor:main",
        "medkd doctor",
        arguments.nothing,
    ),
}
