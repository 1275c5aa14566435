import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.info_nce import info_nce
from medkd.objectives.supervised_contrastive import SupervisedContrastive, supervised_contrastive


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), temperature=st.floats(0.1, 2))
def test_with_oneself_as_only_positive_it_is_info_nce(seed, temperature):
    query, key = draw(seed, 5, 4), draw(seed + 1, 5, 4)
    value = supervised_contrastive(query, key, torch.eye(5).bool(), torch.ones(5, 5).bool(), temperature)
    torch.testing.assert_close(value, info_nce(query, key, temperature))


def test_classes_together_are_better_than_collapse_and_than_classes_mixed():
    label = torch.tensor([0, 0, 1, 1])
    same, allowed = label[:, None] == label[None], ~torch.eye(4).bool()
    apart = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [-1, 0]])
    values = [supervised_contrastive(x, x, same, allowed) for x in (apart, torch.ones(4, 2), apart[[0, 2, 1, 3]])]
    assert values[0] < values[1] < values[2]


@pytest.mark.parametrize("across", [True, False])
def test_unlabelled_samples_take_no_part(across, make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    SupervisedContrastive(5, 3, across=across)(student, {"t": teacher}, batch)["sup_con"].backward()
    known = batch.labelled[:, 0]
    assert student.embedding.grad[~known].abs().max() == 0
    assert student.embedding.grad[known].abs().max() > 0


def test_nothing_labelled_is_zero(make_batch, make_output):
    batch = make_batch(labelled=0.0)
    student = make_output(batch, 1, dim=5)
    value = SupervisedContrastive(5, 3)(student, {"t": make_output(batch, 2, dim=3)}, batch)["sup_con"]
    value.backward()
    assert value == 0
    assert student.embedding.grad.isfinite().all()


def test_refuses(make_batch, make_output):
    batch = make_batch("regression")
    with pytest.raises(InputError, match="it has no classes"):
        SupervisedContrastive(5, 3)(make_output(batch, 1, dim=5), {"t": make_output(batch, 2, dim=3)}, batch)
