"""The arguments of each command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from medkd.parser import Parser, amount, count, names, one_of, protocol, shard, shares

KINDS = ("tasks", "cohorts", "modalities", "objectives")
"""What ``medkd list`` can list."""
ROLES = ("reader", "adjudicator", "admin")
"""What an account of the viewer may be."""


def option(parser: Parser, name: str, **settings: Any) -> None:
    """Add the option ``--name``."""
    parser.add_argument(f"--{name}", **settings)


def data(parser: Parser) -> None:
    """Which samples of a cohort, and how they are split."""
    option(parser, "root", type=Path, metavar="DIR", help="folder of the data set; not needed for demo_* cohorts")
    option(parser, "target", metavar="KEY", help="what to predict, a key that the cohort lists")
    option(
        parser, "protocol", type=protocol, metavar="P", help="holdout, official or kfold:K; default: the cohort's own"
    )


def distill(parser: Parser) -> None:
    """All stages of a task."""
    parser.add_argument("task", metavar="TASK", help="see: medkd list tasks")
    option(parser, "cohort", metavar="NAME", help="see: medkd list cohorts; default: the task's own")
    data(parser)
    option(parser, "seeds", type=count, metavar="N", help="seeds 0 to N-1; default 3")
    option(
        parser,
        "labels",
        dest="label_fractions",
        type=shares,
        metavar="F",
        help="share of subjects that keep their label, or several: 0.1,0.3,1",
    )
    option(parser, "out", type=Path, metavar="DIR", help="default: runs/TASK-COHORT")
    option(
        parser,
        "jobs",
        type=count,
        metavar="N",
        help="fits at once; default: one a core, one on a GPU; results do not depend on it",
    )
    option(parser, "fast", action="store_true", help="one seed, two folds, 20 steps; the verdict is 'invalid'")
    parser.epilog = f"{parser.epilog}\n\nA dotted option --STAGE.KEY VALUE reaches into a stage of the task's recipe."


def tune(parser: Parser) -> None:
    """The search of a recipe's values."""
    parser.add_argument("task", metavar="TASK", help="see: medkd list tasks; or a folder with a recipe.yaml")
    option(parser, "cohort", metavar="NAME", help="see: medkd list cohorts; default: the task's own")
    data(parser)
    option(
        parser,
        "labels",
        dest="label_fractions",
        type=shares,
        metavar="F",
        help="share of subjects that keep their label; of several, the largest",
    )
    option(
        parser,
        "arm",
        type=one_of("--arm", ("baseline", "teacher", "student")),
        metavar="ARM",
        help="baseline, teacher or student; default: all three, so",
    )
    option(
        parser,
        "trials",
        type=count,
        default=20,
        metavar="N",
        help="trials of an arm, those of earlier runs counted; default 20",
    )
    option(
        parser,
        "seeds",
        type=count,
        default=2,
        metavar="N",
        help="splits that a trial is scored on, from seed 100; default 2",
    )
    option(
        parser,
        "folds",
        type=count,
        default=1,
        metavar="N",
        help="outer folds of each split, taken out in turn; default 1",
    )
    option(parser, "timeout", type=count, metavar="MINUTES", help="begin no trial later; shared by the arms")
    option(parser, "out", type=Path, metavar="DIR", help="default: runs/tune-TASK-COHORT")
    option(
        parser,
        "jobs",
        type=count,
        metavar="N",
        help="fits at once; default: one a core, one on a GPU; results do not depend on it",
    )
    parser.epilog = f"{parser.epilog}\n\nWhat is searched stands in the recipe under 'search'. A dotted option --STAGE.KEY VALUE reaches into a stage."


def lightning(parser: Parser) -> None:
    """One neural stage: what follows is LightningCLI's."""
    option(parser, "config", metavar="YAML", help="complete configuration, as a recipe's stage prints it")
    parser.epilog = (
        f"{parser.epilog}\n\nEvery further option goes to LightningCLI; --print_config shows what it understood."
    )


def stage(parser: Parser) -> None:
    """One stage of a recipe."""
    parser.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="a task's recipe.yaml, or the resolved one in a run's folder"
    )
    parser.add_argument("name", metavar="NAME", help="the stage's name")
    option(parser, "out", type=Path, metavar="DIR", required=True, help="where the stage's outputs go")


def cohort(parser: Parser) -> None:
    """What is done with a data set."""
    actions = ("build", "check", "describe")
    parser.add_argument(
        "action", metavar="ACTION", type=one_of("medkd cohort ACTION", actions), help=", ".join(actions)
    )
    parser.add_argument("name", metavar="NAME", help="see: medkd list cohorts")
    data(parser)
    option(parser, "out", type=Path, metavar="DIR", help="where build puts samples, splits and prepared arrays")
    option(
        parser,
        "shard",
        type=shard,
        metavar="I/N",
        help="build only the subjects of part I of N; without it, build joins the parts",
    )


def predict(parser: Parser) -> None:
    """Batch inference."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that medkd distill left")
    parser.add_argument(
        "input", type=Path, metavar="INPUT", help="folder of files, a cohort's root, or a CSV/Parquet manifest"
    )
    option(parser, "out", type=Path, metavar="DIR", required=True, help="where predictions, quarantine and run.json go")
    option(parser, "shard", type=shard, metavar="I/N", help="compute only part I of N, counted from 1")
    option(
        parser,
        "runtime",
        type=one_of("--runtime", ("torch", "onnx")),
        default="torch",
        metavar="R",
        help="torch or onnx; default torch",
    )
    option(
        parser,
        "engine",
        type=one_of("--engine", ("local", "ray")),
        default="local",
        metavar="E",
        help="local or ray; default local",
    )
    option(
        parser,
        "ray-address",
        metavar="ADDRESS",
        help="with --engine ray: the cluster; default: RAY_ADDRESS, else this machine",
    )
    option(
        parser, "batch-size", type=count, default=32, metavar="N", help="records in a pass of the network; default 32"
    )
    option(
        parser,
        "devices",
        default="auto",
        metavar="D",
        help="auto, cpu, cuda (every GPU), or GPUs by number: 0,1; default auto",
    )
    option(
        parser,
        "precision",
        type=count,
        default=32,
        metavar="BITS",
        help="32, or 16: faster on a GPU, and rounds; default 32",
    )
    option(
        parser,
        "workers",
        type=count,
        metavar="N",
        help="threads that read and prepare, default one a core, up to 8; with --engine ray, actors",
    )
    option(
        parser,
        "retries",
        type=amount,
        default=2,
        metavar="N",
        help="how often to read again what disk or network refused; default 2",
    )
    option(parser, "fhir", action="store_true", help="write fhir.ndjson too: FHIR R4 RiskAssessment or Observation")
    option(parser, "dicom-sr", action="store_true", help="write sr/ too: a DICOM SR for each DICOM record")
    trust(parser)


def evaluate(parser: Parser) -> None:
    """External validation, and the months after."""
    parser.add_argument("bundle", nargs="?", type=Path, metavar="BUNDLE", help="folder that medkd distill left")
    option(parser, "cohort", metavar="NAME", help="see: medkd list cohorts")
    option(parser, "root", type=Path, metavar="DIR", help="folder of the data set; not needed for demo_* cohorts")
    option(
        parser, "target", metavar="KEY", help="the cohort's key for what the bundle predicts; default: the bundle's own"
    )
    option(
        parser, "predictions", type=Path, metavar="RUN", help="in place of a bundle: what medkd predict left months ago"
    )
    option(parser, "outcomes", type=Path, metavar="CSV", help="with --predictions: what has become of the patients")
    option(
        parser,
        "manifest",
        type=Path,
        metavar="FILE",
        help="with --predictions: sample_id and subject_id, where patients have several",
    )
    option(
        parser,
        "period",
        type=one_of("--period", ("week", "month", "quarter", "year")),
        metavar="P",
        help="with --predictions: default month",
    )
    option(
        parser,
        "recalibrate",
        metavar="WHO",
        help="refit calibration and threshold on 0.3 of the subjects, or on COLUMN=VALUE",
    )
    option(parser, "fast", action="store_true", help="100 bootstrap replicates")
    option(parser, "out", type=Path, metavar="DIR", required=True, help="where the evaluation goes")
    trust(parser)


def bundle(parser: Parser) -> None:
    """What is done with a bundle."""
    actions = ("check", "describe", "export", "sign", "key")
    parser.add_argument(
        "action", metavar="ACTION", type=one_of("medkd bundle ACTION", actions), help=", ".join(actions)
    )
    parser.add_argument("bundle", nargs="?", type=Path, metavar="BUNDLE", help="folder that medkd distill left")
    option(
        parser,
        "to",
        type=one_of("--to", ("huggingface", "onnx")),
        metavar="FORM",
        help="with export: huggingface or onnx",
    )
    option(parser, "input", type=Path, metavar="INPUT", help="with check: records that ONNX and torch are compared on")
    option(parser, "key", type=Path, metavar="PRIVATE.pem", help="with sign: the private key")
    option(parser, "out", type=Path, metavar="DIR", help="with export and key: where to")
    trust(parser)


def app(parser: Parser) -> None:
    """The clinician's viewer."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="BUNDLE",
        help="folder that medkd distill left; or audit, forget SUBJECT, user [NAME]",
    )
    option(
        parser,
        "cases",
        type=Path,
        metavar="DIR",
        help="records, a cohort's root, a manifest, or the folder of a medkd distill run",
    )
    option(
        parser,
        "predictions",
        type=Path,
        metavar="RUN",
        help="what medkd predict left for these cases; default: they are scored first",
    )
    option(
        parser,
        "data",
        type=Path,
        default=Path("runs/app"),
        metavar="DIR",
        help="verdicts, accounts, audit log; default runs/app",
    )
    option(parser, "database", metavar="URL", help="PostgreSQL in place of the file in --data: postgresql://...")
    option(
        parser,
        "open",
        action="store_true",
        help="show the model's view at once; default: the reader reads first (blinded)",
    )
    option(parser, "host", default="127.0.0.1", metavar="HOST", help="address to listen at; default 127.0.0.1")
    option(parser, "port", type=count, default=7860, metavar="N", help="default 7860")
    option(parser, "proxy-header", metavar="NAME", help="trust a reverse proxy to name the reader in this header")
    option(parser, "proxy-address", metavar="IP", help="the proxy's address; needed with --proxy-header")
    option(
        parser,
        "proxy-create",
        type=one_of("--proxy-create", ROLES),
        metavar="ROLE",
        help="with --proxy-header: make an account of this role for who has none",
    )
    option(
        parser,
        "cookie-secure",
        type=one_of("--cookie-secure", ("auto", "yes", "no")),
        default="auto",
        metavar="WHEN",
        help="send the cookie over TLS alone: auto, yes or no; default auto: behind a proxy",
    )
    option(parser, "role", type=one_of("--role", ROLES), metavar="ROLE", help=f"with user: {', '.join(ROLES)}")
    option(
        parser,
        "identifiers",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="with user: may see patient identifiers",
    )
    option(parser, "reset-password", action="store_true", help="with user: draw a new password")
    option(parser, "remove", action="store_true", help="with user: remove the account; its verdicts stay")
    trust(parser)
    parser.epilog = (
        f"{parser.epilog}\n  medkd app audit --data runs/app\n  medkd app forget SUBJECT --data runs/app\n"
        "  medkd app user alice --role reader --data runs/app"
    )


def trust(parser: Parser) -> None:
    """Whom to trust: with classes, and with a signature."""
    option(
        parser,
        "trust",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="let the bundle name classes of PACKAGE too",
    )
    option(
        parser,
        "require-signed",
        type=Path,
        metavar="PUBLIC.pem",
        help="refuse a bundle that the owner of this key did not sign",
    )


def verify(parser: Parser) -> None:
    """Golden vectors."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of golden vectors")
    option(parser, "strict", action="store_true", help="count a skipped case as a failure")
    option(parser, "allow-skip", action="append", default=[], metavar="NAME", help="with --strict: NAME may be skipped")


def listing(parser: Parser) -> None:
    """What there is."""
    parser.add_argument(
        "kind",
        nargs="?",
        metavar="KIND",
        type=one_of("medkd list KIND", KINDS),
        help=f"{', '.join(KINDS)}; default: all",
    )


def benchmark(parser: Parser) -> None:
    """What a user may measure again."""
    parser.add_argument("name", metavar="NAME", help="privileged: what each objective earns")
    option(
        parser,
        "cohort",
        metavar="NAME",
        help="measure on a real cohort; default: on synthetic data whose answer is known",
    )
    option(parser, "root", type=Path, metavar="DIR", help="folder of the cohort")
    option(parser, "target", metavar="KEY", help="what to predict, a binary key that the cohort lists")
    option(
        parser,
        "task",
        metavar="NAME",
        help="whose recipe for the cohort says what each model sees; default: the only task that has one",
    )
    option(
        parser,
        "objectives",
        type=names,
        metavar="A,B",
        help="such as soft_labels,info_nce; default: all that can take part",
    )
    option(parser, "seeds", type=count, metavar="N", help="seeds 0 to N-1; default 40, on a cohort 3")
    option(
        parser, "out", type=Path, metavar="DIR", help="default: runs/benchmark-NAME, with the cohort's name behind it"
    )
    option(parser, "jobs", type=count, metavar="N", help="processes; default: one a core; results do not depend on it")
    option(
        parser,
        "fast",
        action="store_true",
        help="a few steps of a few seeds: shows that it runs, its numbers mean nothing",
    )


def nothing(parser: Parser) -> None:
    """The command takes no arguments of its own."""
