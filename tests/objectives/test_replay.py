import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from medkd.errors import InputError
from medkd.objectives.embedding_mse import embedding_mse
from medkd.objectives.replay import Replay, replay_distances
from medkd.objectives.supervised import supervised


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10))
def test_distances_are_blind_to_scale_and_rotation(seed, scale):
    teacher = draw(seed, 5, 4)
    rotation, _ = torch.linalg.qr(draw(seed + 1, 4, 4))
    assert replay_distances(scale * teacher @ rotation, teacher) < 1e-20
    assert replay_distances(draw(seed + 2, 5, 3), teacher) > 0
    collapsed, other = torch.ones_like(teacher), draw(seed + 2, 5, 4)
    assert replay_distances(collapsed, teacher) > replay_distances(teacher + 0.1 * other, teacher)


def test_distances_equal_scipy():
    student, teacher = draw(0, 5, 4), draw(1, 5, 7)
    a, b = (squareform(pdist(x / x.norm(dim=1, keepdim=True))) for x in (student, teacher))
    assert replay_distances(student, teacher).item() == pytest.approx(((a - b) ** 2).mean())


def test_duplicates_and_a_batch_of_one():
    student = draw(0, 4, 3)
    student[2] = student[1]
    student.requires_grad_()
    replay_distances(student, draw(1, 4, 3)).backward()
    assert student.grad.abs().max() < 10
    assert replay_distances(student[:1], draw(1, 1, 3)) == 0


def test_gradient():
    teacher = draw(1, 4, 5)
    assert torch.autograd.gradcheck(lambda s: replay_distances(s, teacher), draw(0, 4, 3).requires_grad_())


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_terms_are_the_functions_weighted(kind, make_batch, make_output):
    batch = make_batch(kind)
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    terms = Replay(6, 6, relation_weight=2.0)(student, {"t": teacher}, batch)
    torch.testing.assert_close(terms["label"], 0.1 * supervised(student.logits, batch.targets, batch.labelled, kind))
    torch.testing.assert_close(terms["logits"], 0.4 * embedding_mse(student.logits, teacher.logits))
    torch.testing.assert_close(terms["embedding"], 0.3 * embedding_mse(student.embedding, teacher.embedding))
    torch.testing.assert_close(terms["relation"], 2 * replay_distances(student.embedding, teacher.embedding))
    assert set(Replay(6, 6, label_weight=0)(student, {"t": teacher}, batch)) == {"logits", "embedding"}


def test_refuses():
    with pytest.raises(InputError, match="every weight is 0"):
        Replay(6, 6, 0, 0, 0, 0)
