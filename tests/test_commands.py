"""Commands: what each promises to the command line, and options that mean the same in all of them."""

from __future__ import annotations

import argparse
import inspect

import pytest

from medkd.commands import COMMANDS
from medkd.errors import InputError


def options(name: str) -> dict[str, argparse.Action]:
    actions = COMMANDS[name].parser(name)._actions
    return {option: action for action in actions for option in action.option_strings if option.startswith("--")}


LIGHTNING = ("fit", "validate", "test")
"""Commands whose options are LightningCLI's to refuse."""


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in LIGHTNING])
def test_a_command_takes_no_shortened_option(name: str):
    parser = COMMANDS[name].parser(name)
    typed = COMMANDS[name].example.split()[2:]
    assert parser.parse_words([*typed, "--debug"]).debug is True
    with pytest.raises(InputError, match="--debu'"):
        parser.parse_words([*typed, "--debu"])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_s_main_takes_the_namespace_alone(name: str):
    module = COMMANDS[name].load()
    assert list(inspect.signature(module.main).parameters) == ["namespace"]
    assert COMMANDS[name].module == module.__name__


def test_a_summary_is_one_line_of_sentences():
    for name, command in COMMANDS.items():
        assert command.summary.endswith("."), name
        assert "\n" not in command.summary, name
        assert len(command.summary) <= 110, name


@pytest.mark.parametrize("option", ["--root", "--target", "--protocol", "--jobs", "--labels", "--out", "--seeds"])
def test_an_option_of_one_name_takes_the_same_values_in_every_command(option: str):
    typed = {name: (known[option].type, known[option].nargs) for name in COMMANDS if option in (known := options(name))}
    assert len(typed) > 1, "the option belongs to one command"
    assert len(set(typed.values())) == 1, typed
