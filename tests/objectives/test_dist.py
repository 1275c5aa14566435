import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.objectives.dist import DIST, dist


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), tau=st.floats(0.5, 5), bernoulli=st.booleans())
def test_smallest_at_the_teacher(seed, tau, bernoulli):
    student, teacher = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    # Not zero: the authors add 1e-8 to the product of norms, which are small where probabilities hardly vary.
    assert all(-1e-12 < term < 1e-2 * tau**2 for term in dist(teacher, teacher, tau, bernoulli))
    assert all(0 < term < 2 * tau**2 for term in dist(student, teacher, tau, bernoulli))


def test_equals_numpy_correlation():
    student, teacher = torch.randn(2, 6, 4, dtype=torch.float64)
    s, t = student.softmax(1).numpy(), teacher.softmax(1).numpy()
    inter, intra = dist(student, teacher)
    assert inter.item() == pytest.approx(1 - np.mean([np.corrcoef(s[i], t[i])[0, 1] for i in range(6)]), abs=1e-6)
    assert intra.item() == pytest.approx(1 - np.mean([np.corrcoef(s[:, i], t[:, i])[0, 1] for i in range(4)]), abs=1e-6)


def test_gradient():
    student, teacher = torch.randn(2, 5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: dist(s, teacher, 2.0), student.requires_grad_())


def test_a_single_logit_ranks_samples_alone(make_batch, make_output):
    batch = make_batch("binary")
    student = make_output(batch, 1)
    terms = DIST()(student, {"t": make_output(batch, 2)}, batch)
    assert set(terms) == {"intra"}
    terms["intra"].backward()
    assert student.logits.grad.abs().sum() > 0
