from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from medkd.errors import InputError
from medkd.objectives.soft_labels import soft_labels
from medkd.objectives.state_anchoring import StateAnchoring, gaussian_distance, missing_distance


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_equals_the_wasserstein_distance_of_full_gaussians():
    means, deviations = draw(0, 2, 1, 3), draw(1, 2, 1, 3).exp()
    a, b = (np.diag(d[0].numpy() ** 2) for d in deviations)
    root = sqrtm(a)
    squared = ((means[0] - means[1]) ** 2).sum().item() + np.trace(a + b - 2 * sqrtm(root @ b @ root)).real
    assert gaussian_distance(means[0], deviations[0], means[1], deviations[1]).item() == pytest.approx(squared / 3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_smallest_at_the_teacher(seed):
    mean, deviation = draw(seed, 4, 3), draw(seed + 1, 4, 3).exp()
    assert (gaussian_distance(mean, deviation, mean, deviation) == 0).all()
    assert (gaussian_distance(mean, 2 * deviation, mean, deviation) > 0).all()
    assert (gaussian_distance(mean + 0.1, deviation, mean, deviation) > 0).all()


def test_only_missing_modalities_count_and_none_missing_is_a_finite_zero():
    states = [draw(i, 3, 2, 4).requires_grad_() for i in range(4)]
    missing = torch.tensor([[True, False], [False, False], [True, False]])
    with torch.no_grad():
        for state in states:
            state[1] = float("nan")
            state[:, 1] = float("nan")
    value = missing_distance(*states, missing)
    expected = (gaussian_distance(*(x[0, 0] for x in states)) + gaussian_distance(*(x[2, 0] for x in states))) / 2
    assert value[0].item() == pytest.approx(expected.item())
    assert value[1] == 0
    value.sum().backward()
    assert all(torch.isfinite(x.grad).all() for x in states[:2])


def test_gradient():
    missing = torch.tensor([[True, True], [False, True]])
    t_mean, t_deviation = draw(2, 2, 2, 3), draw(3, 2, 2, 3).exp()
    inputs = (draw(0, 2, 2, 3).requires_grad_(), draw(1, 2, 2, 3).exp().requires_grad_())
    assert torch.autograd.gradcheck(lambda m, d: missing_distance(m, d, t_mean, t_deviation, missing), inputs)


def test_terms_are_the_functions_weighted(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    terms = StateAnchoring(6, 6, temperature=3.0, kd_weight=2.0, state_weight=0.25)(student, {"t": teacher}, batch)
    assert set(terms) == {"kd", "state"}
    torch.testing.assert_close(terms["kd"], 2 * soft_labels(student.logits, teacher.logits, 3.0))
    states = [(mean, (log / 2).exp()) for mean, log in (student.state, teacher.state)]
    torch.testing.assert_close(terms["state"], 0.25 * gaussian_distance(*states[0], *states[1]).mean())
    itself = StateAnchoring(6, 6)(student, {"t": student}, batch)
    assert all(term.abs() < 1e-6 for term in itself.values())


def test_states_of_missing_modalities_are_matched_where_both_have_them(make_batch, make_output):
    batch = make_batch(n=4)
    here = {"audio": torch.tensor([True, False, True, False]), "text": torch.ones(4, dtype=torch.bool)}
    batch = replace(batch, presence={"model": here})
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    for output, seed in ((student, 3), (teacher, 4)):
        output.features = {f"state/{name}": draw(seed + i, 4, 2, 6).tanh().float() for i, name in enumerate(here)}
    terms = StateAnchoring(6, 6, missing_weight=1.0)(student, {"t": teacher}, batch)
    s, t = student.features["state/audio"], teacher.features["state/audio"]
    apart = gaussian_distance(s[:, 0], (s[:, 1] / 2).exp(), t[:, 0], (t[:, 1] / 2).exp())
    torch.testing.assert_close(terms["mstate"], (apart[1] + apart[3]) / 4)


def test_refuses(make_batch, make_output):
    batch = make_batch()
    with pytest.raises(InputError, match="state of the student"):
        StateAnchoring(6, 6)(make_output(batch), {"t": make_output(batch, dim=9)}, batch)
    with pytest.raises(InputError, match="temperature is 0"):
        StateAnchoring(6, 6, temperature=0)
    values = make_batch("regression")
    with pytest.raises(InputError, match="no probabilities"):
        StateAnchoring(6, 6)(make_output(values), {"t": make_output(values)}, values)
    assert set(StateAnchoring(6, 6, kd_weight=0)(make_output(values), {"t": make_output(values)}, values)) == {"state"}
