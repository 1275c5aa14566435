"""Options of the pipeline's commands: values, where they go, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from medkd.errors import InputError
from medkd.parser import Parser
from medkd.pipeline.options import add_cohort_options, add_jobs_option, add_label_option, add_task_options


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="medkd x", allow_abbrev=False)
    add_task_options(parser)
    add_label_option(parser, "several give several students")
    add_jobs_option(parser)
    return parser


def test_nothing_is_set_that_was_not_typed(parser: Parser):
    # A default here would hide the recipe's own value.
    namespace = vars(parser.parse_words(["ecg_lead"]))
    assert namespace.pop("task") == "ecg_lead"
    assert namespace.pop("overrides") == []
    assert set(namespace) == {"cohort", "root", "target", "protocol", "label_fractions", "jobs"}
    assert set(namespace.values()) == {None}


def test_values_are_typed_and_dotted_words_are_the_recipe_s(parser: Parser):
    namespace = parser.parse_words(
        ["ecg_lead", "--root", "a/b", "--labels", "0.1,1", "--jobs", "2", "--student.data.steps", "5"]
    )
    assert (namespace.root, namespace.label_fractions, namespace.jobs) == (Path("a/b"), (0.1, 1.0), 2)
    assert namespace.overrides == ["student.data.steps=5"]


@pytest.mark.parametrize("words", ["--labels 0", "--labels 1.5", "--jobs 0", "--protocol kfold:2", "--label 1"])
def test_what_cannot_be_is_refused_with_the_option_s_name(parser: Parser, words: str):
    with pytest.raises(InputError, match=words.split()[0]):
        parser.parse_words(["ecg_lead", *words.split()])


def test_a_command_without_a_recipe_takes_no_dotted_words():
    plain = Parser(prog="medkd cohort")
    add_cohort_options(plain)
    with pytest.raises(InputError, match=r"student\.data\.steps"):
        plain.parse_words(["--student.data.steps", "5"])


def test_help_says_what_becomes_of_several_fractions(parser: Parser):
    assert "several give several students" in " ".join(parser.format_help().split())
