"""Settings of ``medkd evaluate``: defaults, options, and values that are refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from medkd.deploy.evaluation.command import add_arguments
from medkd.deploy.evaluation.settings import DEFAULTS, PERIODS, EvaluateSettings
from medkd.errors import InputError
from medkd.parser import Parser


def parsed(*words: str) -> argparse.Namespace:
    parser = Parser(prog="medkd evaluate")
    add_arguments(parser)
    return parser.parse_words(words)


def test_the_options_defaults_are_those_of_the_settings() -> None:
    assert EvaluateSettings.from_namespace(parsed("--out", "out")) == DEFAULTS


def test_options_reach_the_settings() -> None:
    words = ("bundle", "--target", "cd", "--recalibrate", "0.3", "--period", "week", "--fast", "--out", "out")
    settings = EvaluateSettings.from_namespace(parsed(*words, "--trust", "ours", "--require-signed", "key.pem"))
    assert settings == EvaluateSettings("cd", "0.3", "week", ("ours",), Path("key.pem"), True)


def test_there_is_no_such_period() -> None:
    with pytest.raises(InputError, match="no period 'moon'"):
        EvaluateSettings(period="moon")
    with pytest.raises(InputError, match="'moon' is not a choice"):
        parsed("--period", "moon", "--out", "out")
    assert set(PERIODS) == {"week", "month", "quarter", "year"}
