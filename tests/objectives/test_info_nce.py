import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from medkd.errors import InputError
from medkd.objectives.info_nce import InfoNCE, info_nce


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), temperature=st.floats(0.05, 2), scale=st.floats(0.1, 10))
def test_is_cross_entropy_of_cosines_and_blind_to_length(seed, temperature, scale):
    query, key = draw(seed, 5, 4), draw(seed + 1, 5, 4)
    logits = functional.cosine_similarity(query[:, None], key[None], dim=2) / temperature
    index = torch.arange(5)
    forth, back = functional.cross_entropy(logits, index), functional.cross_entropy(logits.T, index)
    torch.testing.assert_close(info_nce(scale * query, key, temperature), forth)
    torch.testing.assert_close(info_nce(query, scale * key, temperature, symmetric=True), (forth + back) / 2)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(2, 8))
def test_a_collapsed_student_distinguishes_nothing(seed, n):
    key = draw(seed, n, 4)
    collapsed = info_nce(draw(seed + 1, 1, 4).expand(n, 4), key)
    assert collapsed >= math.log(n) - 1e-9 or n == 1
    assert info_nce(key, key) < collapsed


def test_one_sample_has_nothing_to_find():
    assert info_nce(draw(0, 1, 4), draw(1, 1, 4)) == 0


def test_module(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    objective = InfoNCE(5, 3, temperature=0.5, symmetric=True)
    expected = info_nce(objective.projector(student.embedding), teacher.embedding, 0.5, symmetric=True)
    torch.testing.assert_close(objective(student, {"t": teacher}, batch)["info_nce"], expected)
    with pytest.raises(InputError, match="temperature is 0"):
        InfoNCE(5, 3, temperature=0.0)
