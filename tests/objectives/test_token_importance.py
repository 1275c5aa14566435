import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.token_divergence import token_divergence
from medkd.objectives.token_importance import TokenImportance, sampling_weights, soft_or, strongest


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), clip=st.one_of(st.none(), st.floats(0.5, 1)))
def test_soft_or_is_large_where_either_is(seed, clip):
    h, d, score = soft_or(draw(seed, 9).exp(), draw(seed + 1, 9).exp(), clip)
    for values in (h, d, score):
        assert values.min() >= 0
        assert values.max() <= 1
    assert (score >= torch.maximum(h, d) - 1e-12).all()
    assert (score <= h + d + 1e-12).all()


def test_constant_values_score_nothing():
    h, d, score = soft_or(torch.ones(4), torch.ones(4))
    assert h.sum() == d.sum() == score.sum() == 0
    assert strongest(score, 0.5).tolist() == [True, True, False, False]


@settings(max_examples=30, deadline=None)
@given(scores=st.lists(st.integers(0, 4), min_size=1, max_size=12), share=st.floats(0.01, 1))
def test_no_score_left_out_is_above_one_taken(scores, share):
    values = torch.tensor(scores).double()
    taken = strongest(values, share)
    assert taken.sum() == max(1, int(share * len(scores)))
    if not taken.all():
        assert values[taken].min() >= values[~taken].max()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), topk=st.integers(0, 7))
def test_sampling_weights_are_bounded(seed, topk):
    entropy, jsd, weights = sampling_weights(draw(seed, 6, 5), draw(seed + 1, 6, 5), jsd_topk=topk)
    for values in (entropy, jsd, weights):
        assert values.min() >= 0
        assert values.max() <= 1 + 1e-9


@pytest.mark.parametrize("selection", ["soft_or", "sampled"])
def test_zero_at_the_teacher_and_only_the_chosen_learn(selection, make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    objective = TokenImportance(share=0.25, selection=selection)
    objective(student, {"t": teacher}, batch)["tip"].backward()
    assert (student.logits.grad.abs().sum(1) > 0).sum() == 2
    assert objective(teacher, {"t": teacher}, batch)["tip"].abs() < 1e-6


def test_all_of_them_is_the_mean(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    term = TokenImportance(share=1.0)(student, {"t": teacher}, batch)["tip"]
    torch.testing.assert_close(term, token_divergence(student.logits, teacher.logits).mean())


def test_refuses():
    with pytest.raises(InputError, match="share is 0"):
        TokenImportance(share=0.0)
    with pytest.raises(InputError, match="Did you mean 'sampled'"):
        TokenImportance(selection="sample")
