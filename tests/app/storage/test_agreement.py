from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from medkd.app.storage.account import Account
from medkd.app.storage.agreement import MODEL, TRUTH, Agreement, Comparison
from medkd.app.storage.agreement_stats import cohen_kappa, proportion
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Reviews

ADA, CEM = Account("ada", "reader"), Account("cem", "adjudicator")
# What two readers and the model say of ten cases, and what is true.
ANSWERS = {
    "ada": "yes yes yes yes no no no no unsure yes",
    "bob": "yes yes no yes no no no yes no unsure",
    MODEL: "yes yes yes no no no yes no no yes",
    TRUTH: "yes yes yes yes no no no no yes no",
}
SAID = {who: words.split() for who, words in ANSWERS.items()}


def case(number: int) -> CaseKey:
    return CaseKey(f"s{number}", f"p{number}", f"id:{number}")


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


@pytest.fixture
def read(reviews: Reviews) -> Reviews:
    for number in range(10):
        model = ModelOutput("ab", {"cd": 0.5}, {"cd": SAID[MODEL][number] == "yes"})
        for reader in ("ada", "bob"):
            reviews.store_reading(case(number), reader, {"cd": SAID[reader][number]}, seconds=1, model=model)
    return reviews


def truth() -> dict[str, dict[str, bool]]:
    return {f"s{number}": {"cd": word == "yes"} for number, word in enumerate(SAID[TRUTH])}


def pick(comparisons: list[Comparison], judged: str, against: str) -> Comparison:
    (one,) = [row for row in comparisons if (row.judged, row.against) == (judged, against)]
    return one


def test_a_reader_learns_of_their_own_readings_alone(read: Reviews):
    result = Agreement(read, ADA, truth()).comparisons(["cd"])
    assert [(row.judged, row.against) for row in result] == [(MODEL, "ada")]


def test_an_adjudicator_learns_of_all(read: Reviews):
    result = Agreement(read, CEM, truth()).comparisons(["cd"])
    assert {(row.judged, row.against) for row in result} == {
        (MODEL, "ada"),
        (MODEL, "bob"),
        ("ada", "bob"),
        ("ada", TRUTH),
        ("bob", TRUTH),
        (MODEL, TRUTH),
    }


def test_the_model_against_a_reader(read: Reviews):
    """By hand: nine sure cases, of five "yes" the model has four, of four "no" three."""
    row = pick(Agreement(read, ADA).comparisons(["cd"]), MODEL, "ada")
    assert (row.statistics["sensitivity"].value, row.statistics["sensitivity"].n) == (4 / 5, 5)
    assert (row.statistics["specificity"].value, row.statistics["specificity"].n) == (3 / 4, 4)
    assert row.statistics["agreement"].value == pytest.approx(7 / 9)
    assert row.left_out == 1
    assert "1 more where a reader was unsure" in row.sentence
    assert "intervals are wide" in row.sentence


def test_two_readers(read: Reviews):
    row = pick(Agreement(read, CEM).comparisons(["cd"]), "ada", "bob")
    assert row.statistics["kappa"].value == pytest.approx(cohen_kappa_score(SAID["ada"][:8], SAID["bob"][:8]))
    assert row.left_out == 2


def test_a_reader_against_the_truth(read: Reviews):
    row = pick(Agreement(read, CEM, truth()).comparisons(["cd"]), "ada", TRUTH)
    assert row.statistics["sensitivity"].value == 1.0
    assert row.statistics["specificity"].value == 4 / 5


def test_readings_that_were_not_blinded_do_not_count(read: Reviews):
    read.mark_shown(case(10), "ada")
    read.store_reading(case(10), "ada", {"cd": "yes"}, seconds=1, model=ModelOutput("ab", {}, {"cd": True}))
    assert pick(Agreement(read, ADA).comparisons(["cd"]), MODEL, "ada").statistics["agreement"].n == 9


def test_another_models_output_does_not_count_as_this_ones(read: Reviews):
    result = Agreement(read, ADA, model_sha256="another").comparisons(["cd"])
    assert pick(result, MODEL, "ada").sentence == "the model and ada, cd: no case read blinded by both."


def test_nobody_has_read_anything(reviews: Reviews):
    assert Agreement(reviews, CEM).comparisons(["cd"]) == []
    result = Agreement(reviews, CEM, truth()).comparisons(["cd"])
    assert [row.sentence for row in result] == ["the model and the truth, cd: no case read blinded by both."]


def test_all_say_the_same():
    alike = cohen_kappa([True] * 7, [True] * 7)
    assert alike.value is None
    assert alike.text == "both said the same of all 7 cases: kappa is not defined"
    assert cohen_kappa([], []).text == "no cases"


def test_perfect_agreement_of_few_cases_has_a_wide_interval():
    few, many = (cohen_kappa([True, False] * n, [True, False] * n) for n in (3, 100))
    assert few.value == many.value == few.high == many.high == 1.0
    assert few.low < 0.5
    assert many.low > 0.95


def test_kappa_is_the_librarys():
    rng = np.random.default_rng(3)
    for n in (5, 30, 400):
        first, second = rng.random((2, n)) < 0.4
        assert cohen_kappa(list(first), list(second)).value == pytest.approx(cohen_kappa_score(first, second))


@pytest.mark.parametrize(("n", "prevalence", "true"), [(12, 0.5, 0.9), (20, 0.2, 0.8), (60, 0.3, 0.4)])
def test_the_interval_covers_the_true_kappa(n: int, prevalence: float, true: float):
    """Of 150 simulated pairs of readers 95 % would be 142; three standard errors below that are 134."""
    rng = np.random.default_rng(11)
    both, one = prevalence**2 + true * prevalence * (1 - prevalence), prevalence * (1 - prevalence) * (1 - true)
    covered = 0
    for _ in range(150):
        cells = rng.choice(4, size=n, p=[1 - both - 2 * one, one, one, both])
        result = cohen_kappa(list(cells >= 2), list(cells % 2 == 1))
        covered += result.value is None or result.low <= true <= result.high
    assert covered >= 134


def test_a_share_has_wilsons_interval():
    """Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263, and 0 of 20."""
    result = proportion(81, 263)
    assert (round(result.low, 4), round(result.high, 4)) == (0.2553, 0.3662)
    assert [round(end, 4) for end in (proportion(0, 20).low, proportion(0, 20).high)] == [0.0, 0.1611]
    assert proportion(0, 0).text == "no cases"
