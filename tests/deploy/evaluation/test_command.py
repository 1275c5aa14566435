"""``medkd evaluate`` as it is typed: one of two questions, whole, and its answer printed with the page's place."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medkd.deploy.evaluation.command import add_arguments, main
from medkd.deploy.evaluation.settings import EvaluateSettings
from medkd.errors import InputError
from medkd.parser import Parser
from tests.deploy.evaluation.conftest import Simulated, outcomes_of


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="medkd evaluate")
    add_arguments(parser)
    return parser


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"predictions": Path("run")}, "--outcomes is missing"),
        ({"predictions": Path("run"), "outcomes": Path("x"), "cohort": "y"}, "two things"),
        ({"bundle": Path("b")}, "--cohort is missing"),
        ({"cohort": "y"}, "BUNDLE is missing"),
        ({}, "BUNDLE is missing"),
    ],
)
def test_half_a_question_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        main(argparse.Namespace(out=tmp_path / "out", **options))
    assert not (tmp_path / "out").exists()


def test_without_options_the_settings_are_the_defaults(parser: Parser) -> None:
    assert EvaluateSettings.from_namespace(parser.parse_words(["b", "--cohort", "c", "--out", "o"])) == (
        EvaluateSettings()
    )
    words = "b --cohort c --out o --target cd --recalibrate sex=male --period week --fast --trust ward"
    assert EvaluateSettings.from_namespace(parser.parse_words(words.split())) == EvaluateSettings(
        target="cd", recalibrate="sex=male", period="week", fast=True, trust=("ward",)
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "o", "--period", "months"], "Did you mean 'month'"),
        (["--out", "o", "--recalibrated", "0.3"], "--recalibrate"),
        ([], "--out"),
    ],
)
def test_a_mistake_names_what_was_meant(parser: Parser, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        parser.parse_words(["bundle", "--cohort", "c", *words])
    assert "\n" not in str(refused.value)


def test_the_answer_is_printed_and_the_page_is_where_it_says(
    parser: Parser, simulated_run: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, 120)
    run = simulated_run(p)
    outcomes = outcomes_of(tmp_path, run, (rng.random(120) < p).astype(int), time=["2025-01-15"] * 120)
    words = ["--predictions", str(run), "--outcomes", str(outcomes), "--fast", "--out", str(tmp_path / "out")]
    assert main(parser.parse_words(words)) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("On these 120 patients the AUROC is ")
    assert last == f"The page: {tmp_path / 'out' / 'evaluation.html'}"
    page = (tmp_path / "out" / "evaluation.html").read_text(encoding="utf-8")
    assert first.partition(";")[0] in page
