"""``medkd fit|validate|test``: every word reaches LightningCLI unchanged, under the subcommand that was typed."""

from __future__ import annotations

import pytest

from medkd.cli import main
from medkd.commands import COMMANDS
from medkd.pipeline import lightning_cli


@pytest.mark.parametrize("command", ["fit", "validate", "test"])
def test_words_reach_lightning_in_their_order(command: str, monkeypatch: pytest.MonkeyPatch):
    received: list[list[str]] = []

    def run(words: list[str]) -> int:
        received.append(list(words))
        return 3

    monkeypatch.setattr(lightning_cli, "run_lightning", run)
    words = ["--trainer.max_epochs", "2", "--config", "my fit.yaml", "--model.weights.kd=0.5", "--print_config"]
    assert main([command, *words]) == 3
    assert received == [[command, *words]]


@pytest.mark.parametrize("command", ["fit", "validate", "test"])
def test_without_a_configuration_the_command_that_was_typed_is_named(command: str, capsys: pytest.CaptureFixture[str]):
    assert main([command]) == 2
    assert capsys.readouterr().err == f"medkd: no configuration (medkd {command}). Give --config YAML.\n"


def test_help_says_where_other_options_go():
    shown = COMMANDS["fit"].parser("fit").format_help()
    assert "medkd fit --config fit.yaml" in shown
    assert "LightningCLI" in shown
