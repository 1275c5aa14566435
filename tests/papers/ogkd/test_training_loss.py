import pytest
import torch

from medkd.objectives.class_graph import class_graph
from medkd.papers.ogkd.training_loss import (
    CORRECTED,
    RELEASED,
    agreeing_prompts,
    agreeing_prompts_released,
    training_loss,
)


@pytest.fixture
def inputs():
    shapes = {"image": (4, 6), "patches": (4, 5, 6), "text": (3, 6), "prompts": (3, 7, 6)}
    drawn = {
        name: torch.randn(*shape, generator=torch.Generator().manual_seed(i))
        for i, (name, shape) in enumerate(shapes.items())
    }
    graph, labels = class_graph(drawn["prompts"].mean(1)), torch.tensor([0, 2, 1, 1])
    return {**drawn, "logit_scale": torch.tensor(1.5), "graph": graph, "labels": labels, "weights": (0.5, 2.0, 0.5)}


@pytest.mark.parametrize("rules", [CORRECTED, RELEASED], ids=["corrected", "released"])
def test_only_the_learned_prompt_gets_a_gradient(inputs, rules):
    for name in ("image", "patches", "text", "prompts", "logit_scale"):
        inputs[name] = inputs[name].clone().requires_grad_()
    terms = training_loss(**inputs, rules=rules)
    sum(terms[name] for name in ("sccm", "gad", "lgd")).backward()
    assert inputs["text"].grad.abs().sum() > 0
    assert inputs["prompts"].grad is None


def test_ours_never_goes_below_zero(inputs):
    terms = training_loss(**inputs, gamma=0.9)
    assert min(terms[name] for name in ("ce", "sccm", "gad", "lgd")) >= 0


def test_scores_that_are_all_equal_keep_all_prompts_here_and_none_in_the_release():
    scores = torch.full((5,), 2.0)
    assert agreeing_prompts(scores, 1.5).all()
    assert not agreeing_prompts_released(scores, 1.5).any()


def test_the_second_standardisation_changes_nothing():
    scores = torch.randn(9, dtype=torch.float64)
    assert torch.equal(agreeing_prompts(scores, 1.0), agreeing_prompts_released(scores, 1.0))
