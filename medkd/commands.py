"""Commands: what can be typed after ``medkd``, each with the module that runs it and an example."""

from __future__ import annotations

import argparse
import importlib
from dataclasses import dataclass
from types import ModuleType

from medkd.parser import Parser


@dataclass(frozen=True)
class Command:
    """One command of ``medkd``.

    Args:
        summary: one line for ``medkd --help``.
        module: imported once the command was chosen. It has ``add_arguments(parser)`` and ``main(namespace)``, which
            returns the exit code, and imports what is heavy inside ``main``.
        example: what a user may type, shown at the end of ``--help``.
    """

    summary: str
    module: str
    example: str

    def load(self) -> ModuleType:
        """The module that runs it."""
        return importlib.import_module(self.module)

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
        self.load().add_arguments(parser)
        return parser


COMMANDS = {
    "distill": Command(
        "Run every stage of a task: teacher, students, evidence, bundle. Resumes where it stopped.",
        "medkd.pipeline.distill_command",
        "medkd distill ecg_lead --cohort demo_ecg --out runs/demo",
    ),
    "fit": Command(
        "Train one network through LightningCLI.",
        "medkd.pipeline.fit_command",
        "medkd fit --config fit.yaml",
    ),
    "validate": Command(
        "Score one network on its validation part.",
        "medkd.pipeline.fit_command",
        "medkd validate --config fit.yaml",
    ),
    "test": Command(
        "Score one network on its test part.",
        "medkd.pipeline.fit_command",
        "medkd test --config fit.yaml",
    ),
    "stage": Command(
        "Repeat one stage of a recipe.",
        "medkd.pipeline.stage_command",
        "medkd stage runs/demo/recipe.yaml split/seed0 --out again",
    ),
    "cohort": Command(
        "Build, check or describe a data set: counts, and every exclusion with its reason.",
        "medkd.pipeline.cohort_build.command",
        "medkd cohort describe brugada_huca --root ../shared/data/ecg/brugada-huca",
    ),
    "tune": Command(
        "Search a recipe's values on inner validation: baseline, teacher, then student. Resumes where it stopped.",
        "medkd.pipeline.tuning.command",
        "medkd tune ecg_lead --cohort demo_ecg --trials 20 --out runs/tune",
    ),
    "predict": Command(
        "Score files with a bundle. Resumes where it stopped; an unreadable file is set aside.",
        "medkd.deploy.inference.command",
        "medkd predict runs/demo/bundle records --out scores",
    ),
    "evaluate": Command(
        "Evaluate a bundle on patients it never saw, or a run's predictions on their outcomes.",
        "medkd.deploy.evaluation.command",
        "medkd evaluate runs/ecg_lead-ptbxl/bundle --cohort brugada_huca --root DIR --out external",
    ),
    "bundle": Command(
        "Check, describe, export or sign a bundle.",
        "medkd.deploy.inference.bundle_command",
        "medkd bundle check runs/demo/bundle",
    ),
    "app": Command(
        "Open the clinician's viewer on a bundle and cases.",
        "medkd.app.server.command",
        "medkd app runs/demo/bundle --cases runs/demo",
    ),
    "verify": Command(
        "Check our formulas against golden vectors of published code.",
        "medkd.papers.command",
        "medkd verify ../shared/golden --strict --allow-skip some_system/some_function",
    ),
    "benchmark": Command(
        "Measure what each objective earns, where the answer is known (resumes by condition) or on a cohort.",
        "medkd.benchmark.command",
        "medkd benchmark privileged --objectives soft_labels,info_nce --out runs/benchmark",
    ),
    "list": Command(
        "List tasks, cohorts, modalities, objectives and networks.",
        "medkd.registry",
        "medkd list cohorts",
    ),
    "doctor": Command(
        "Report what is missing on this machine, and the remedy.",
        "medkd.doctor",
        "medkd doctor",
    ),
}
