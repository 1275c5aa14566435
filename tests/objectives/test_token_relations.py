import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from medkd.errors import InputError
from medkd.objectives.token_relations import TokenRelations, token_relations


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10))
def test_blind_to_scale_and_rotation(seed, scale):
    teacher = draw(seed, 2, 5, 4)
    rotation, _ = torch.linalg.qr(draw(seed + 1, 4, 4))
    assert all(term < 1e-20 for term in token_relations(scale * teacher @ rotation, teacher))
    assert all(term > 0 for term in token_relations(draw(seed + 2, 2, 5, 3), teacher))


def test_equals_scipy():
    student, teacher = draw(0, 1, 5, 3), draw(1, 1, 5, 7)
    d_s, d_t = (squareform(pdist(x[0])) / pdist(x[0]).mean() for x in (student, teacher))
    c_s, c_t = (1 - squareform(pdist(x[0], "cosine")) for x in (student, teacher))
    distance, angle = token_relations(student, teacher)
    assert distance.item() == pytest.approx(((d_s - d_t) ** 2).mean())
    assert angle.item() == pytest.approx(((c_s - c_t) ** 2).mean())


def test_collapse_costs_more_than_a_random_student():
    teacher = draw(0, 3, 6, 4)
    collapsed = token_relations(torch.ones_like(teacher), teacher)
    assert all(c > r for c, r in zip(collapsed, token_relations(draw(1, 3, 6, 4), teacher), strict=True))


def test_gradient():
    student, teacher = draw(0, 2, 4, 3), draw(1, 2, 4, 5)
    assert torch.autograd.gradcheck(lambda s: torch.stack(token_relations(s, teacher)), student.requires_grad_())


def test_refuses_another_count(make_batch, make_output):
    batch = make_batch()
    student = make_output(batch)
    student.tokens = student.tokens[:, :2]
    with pytest.raises(InputError, match="2 tokens, the teacher 3"):
        TokenRelations()(student, {"t": make_output(batch)}, batch)
