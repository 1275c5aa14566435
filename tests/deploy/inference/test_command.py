"""``medkd predict`` as it is typed: defaults are the settings' own, every word reaches them, and the end is told."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from medkd.deploy.inference.command import add_arguments, main
from medkd.deploy.inference.formats.dicom_sr import Reports
from medkd.deploy.inference.predict import RunSummary
from medkd.deploy.inference.settings import PredictSettings
from medkd.errors import InputError
from medkd.parser import Parser

PLACES = ["bundle", "records", "--out", "out"]


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="medkd predict")
    add_arguments(parser)
    return parser


def test_without_options_the_settings_are_the_defaults(parser: Parser) -> None:
    assert PredictSettings.from_namespace(parser.parse_words(PLACES)) == PredictSettings()


def test_every_setting_can_be_typed(parser: Parser) -> None:
    words = (
        "--shard 2/4 --trust ward --require-signed k.pem --batch-size 7 --devices 0,1 --runtime onnx --workers 3 "
        "--retries 0 --engine ray --ray-address ray://ward:1 --fhir --dicom-sr"
    )
    typed = PredictSettings.from_namespace(parser.parse_words([*PLACES, *words.split()]))
    # 16 bits do not go with onnx.
    half = PredictSettings.from_namespace(parser.parse_words([*PLACES, "--precision", "16"]))
    assert half == PredictSettings(precision=16)
    for field in fields(PredictSettings):
        if field.name != "precision":
            assert getattr(typed, field.name) != getattr(PredictSettings(), field.name), field.name
    assert (typed.shard, typed.trust, typed.require_signed) == ((2, 4), ("ward",), Path("k.pem"))
    assert (typed.batch_size, typed.workers, typed.retries) == (7, 3, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runtime", "onxx"], "'onxx' is not a choice.*Did you mean 'onnx'"),
        (["--batch", "8"], "unknown option '--batch'.*--batch-size"),
        (["--shard", "5/4"], "'5/4' is not a shard"),
        (["--retries", "-1"], "--retries"),
        (["--workers", "0"], "--workers: '0' is not a whole number of 1 or more"),
        (["a_third_place"], "'a_third_place' is one argument too many"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_read(parser: Parser, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        parser.parse_words([*PLACES, *words])
    assert "\n" not in str(refused.value)


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> list[RunSummary]:
    """The summary that a run will end with, put into the list."""
    summaries: list[RunSummary] = []
    monkeypatch.setattr("medkd.deploy.inference.predict.predict", lambda *args, **options: summaries.pop())
    return summaries


def said(parser: Parser, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(parser.parse_words([*PLACES, *words])) == 0
    return capsys.readouterr().out.splitlines()


def test_a_shard_that_is_done_does_not_claim_a_table(
    parser: Parser, outcome: list[RunSummary], capsys: pytest.CaptureFixture[str]
) -> None:
    outcome.append(RunSummary(600, 0, 0, chunks=3, done=1, computed=256, seconds=8.0))
    assert said(parser, capsys, "--shard", "1/2", "--fhir") == [
        "1 of 3 chunks are there; the table follows when the other shards are done. 256 now, 32.0 per second."
    ]


def test_every_file_that_was_asked_for_and_every_failure_is_named(
    parser: Parser, outcome: list[RunSummary], capsys: pytest.CaptureFixture[str]
) -> None:
    reports = Reports(written=4, others=2, failed=1)
    outcome.append(RunSummary(9, 7, 2, 1, 1, computed=0, seconds=0.1, reports=reports, fhir="RiskAssessment.ndjson"))
    lines = said(parser, capsys, "--fhir", "--dicom-sr")
    assert lines[0] == f"7 of 9 items scored: {Path('out', 'predictions.csv')}."
    assert lines[1] == f"2 set aside, with reasons: {Path('out', 'quarantine.csv')}"
    assert lines[2] == f"FHIR R4: {Path('out', 'Device.ndjson')}, then {Path('out', 'RiskAssessment.ndjson')}"
    assert lines[3].startswith("DICOM SR: 4 in")
    assert "2 records are not DICOM, 1 could not be written" in lines[3]
    outcome.append(RunSummary(9, 9, 0, 1, 1, computed=9, seconds=3.0, reports=Reports(written=9, others=0, failed=0)))
    assert said(parser, capsys)[0].endswith("predictions.csv. 9 now, 3.0 per second.")
