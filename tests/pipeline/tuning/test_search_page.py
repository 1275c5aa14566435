"""Page of a search: a figure for each searched arm, and nothing that is fetched or run."""

from __future__ import annotations

import re
from collections.abc import Callable

from medkd.pipeline.tuning.search_page import search_page
from medkd.pipeline.tuning.study import ArmStudy

Told = Callable[..., ArmStudy]


def test_arms_without_a_score_have_no_figure(told: Told):
    studies = [told("baseline", [0.7, 0.8]), told("teacher", []), told("student", [None, None])]
    page = search_page(studies, "lead")
    assert page.count("<svg") == page.count("<h2>") == 1
    assert search_page(studies[1:], "lead").count("<svg") == 0


def test_pruned_trials_and_the_recipe_s_own_score_are_marked_where_there_are_any(told: Told):
    shown = search_page([told("baseline", [0.7, None, 0.8])], "lead")
    plain = search_page([told("baseline", [0.7, 0.8])], "lead")
    assert ">pruned<" in shown
    assert ">pruned<" not in plain
    assert ">as it stands<" in plain
    # Where the recipe's own trial was pruned, there is no line to draw.
    assert ">as it stands<" not in search_page([told("baseline", [None, 0.8])], "lead")


def test_the_ends_of_a_range_are_labelled_as_numbers(told: Told):
    page = search_page([told("baseline", [0.7, 0.8])], "lead")
    assert {"0.0003", "0.00173", "0.01"} <= set(re.findall(r">([\d.]+)</text>", page))


def test_the_page_stands_alone_and_its_words_are_text(told: Told):
    page = search_page([told("baseline", [0.7])], "<script>alert(1)</script> & more")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "default-src 'none'" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
