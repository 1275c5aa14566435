"""``medkd tune``: its options agree with the search that they start."""

from __future__ import annotations

from medkd.commands import COMMANDS
from medkd.pipeline.tuning.command import ARMS, FOLDS, SEEDS, TRIALS
from medkd.pipeline.tuning.search_space import SEARCH_ORDER


def test_the_arms_that_can_be_named_are_those_that_are_searched_in_their_order():
    assert ARMS == SEARCH_ORDER


def test_options_have_the_defaults_that_help_names():
    parser = COMMANDS["tune"].parser("tune")
    namespace = parser.parse_words(["ecg_lead", "--student.data.steps", "3"])
    assert (namespace.trials, namespace.seeds, namespace.folds) == (TRIALS, SEEDS, FOLDS)
    assert namespace.overrides == ["student.data.steps=3"]
    assert f"default {TRIALS}" in parser.format_help()
