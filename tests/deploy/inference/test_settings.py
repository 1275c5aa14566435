"""Settings of ``medkd predict``: defaults, options, and values that are refused."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from medkd.deploy.inference.command import add_arguments
from medkd.deploy.inference.settings import DEFAULTS, PredictSettings
from medkd.errors import InputError
from medkd.parser import Parser


def parsed(*words: str) -> argparse.Namespace:
    parser = Parser(prog="medkd predict")
    add_arguments(parser)
    return parser.parse_words(("bundle", "input", "--out", "out", *words))


def test_the_options_defaults_are_those_of_the_settings() -> None:
    assert PredictSettings.from_namespace(parsed()) == DEFAULTS


def test_every_setting_has_its_option() -> None:
    words = ("--shard", "2/4", "--trust", "ours", "--trust", "theirs", "--require-signed", "key.pem")
    words += ("--batch-size", "7", "--devices", "0,1", "--precision", "16", "--workers", "3", "--retries", "0")
    words += ("--engine", "ray", "--ray-address", "host:1", "--fhir", "--dicom-sr")
    assert PredictSettings.from_namespace(parsed(*words)) == PredictSettings(
        shard=(2, 4),
        trust=("ours", "theirs"),
        require_signed=Path("key.pem"),
        batch_size=7,
        devices="0,1",
        precision=16,
        workers=3,
        retries=0,
        engine="ray",
        ray_address="host:1",
        fhir=True,
        dicom_sr=True,
    )
    assert PredictSettings.from_namespace(parsed("--runtime", "onnx")).runtime == "onnx"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": (0, 4)}, "is not a shard"),
        ({"shard": (5, 4)}, "is not a shard"),
        ({"shard": "2/4"}, "'2/4' is not a shard"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"workers": 0}, "--workers is 0"),
        ({"retries": -1}, "--retries is -1"),
        ({"engine": "rai"}, "no engine 'rai' .*Did you mean 'ray'"),
        ({"runtime": "tensorrt"}, "no runtime 'tensorrt'"),
        ({"precision": 8}, "no precision '8'"),
        ({"runtime": "onnx", "precision": 16}, r"precision of model\.onnx"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PredictSettings(**options)
