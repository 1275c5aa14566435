import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from medkd.errors import InputError
from medkd.objectives.ontology_contrastive import OntologyContrastive, ontology_nt_xent, tanimoto


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def nt_xent(first, second, tau):
    z = functional.normalize(torch.cat([first, second]), dim=1)
    logits = (z @ z.T / tau).fill_diagonal_(-torch.inf)
    n = len(first)
    return functional.cross_entropy(logits, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), tau=st.floats(0.05, 2), gamma=st.floats(0.1, 8))
def test_weights_of_one_are_nt_xent(seed, tau, gamma):
    first, second, similarity = draw(seed, 5, 4), draw(seed + 1, 5, 4), torch.rand(5, 5).double()
    expected = nt_xent(first, second, tau)
    torch.testing.assert_close(ontology_nt_xent(first, second, None, tau, gamma), expected)
    torch.testing.assert_close(ontology_nt_xent(first, second, 0 * similarity, tau, gamma), expected)
    torch.testing.assert_close(ontology_nt_xent(first, second, similarity, tau, 0.0), expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), gamma=st.floats(0.1, 8))
def test_alike_samples_push_less(seed, gamma):
    first, second = draw(seed, 5, 4), draw(seed + 1, 5, 4)
    similarity = draw(seed + 2, 5, 5).sigmoid()
    weighted = ontology_nt_xent(first, second, similarity, 1.0, gamma)
    assert ontology_nt_xent(first, second, (similarity + 0.2).clamp(max=1), 1.0, gamma) < weighted
    assert weighted < ontology_nt_xent(first, second, None, 1.0, gamma)


def test_similarity_of_one_takes_the_negative_out():
    first, second = draw(0, 3, 4), draw(1, 3, 4)
    like_all = torch.zeros(3, 3).double()
    like_all[1, :] = like_all[:, 1] = 1
    others = [0, 2]
    # The middle sample's own two anchors have no negative left, and give zero.
    expected = ontology_nt_xent(first[others], second[others]) * 4 / 6
    torch.testing.assert_close(ontology_nt_xent(first, second, like_all), expected)


def test_a_small_temperature_does_not_overflow():
    x = torch.randn(4, 3).requires_grad_()
    value = ontology_nt_xent(x, x + 0.1, torch.rand(4, 4), tau=1e-3)
    value.backward()
    assert value.isfinite()
    assert x.grad.isfinite().all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=5))
def test_tanimoto_of_indicators_is_jaccard(rows):
    similarity = tanimoto(torch.tensor(rows).double())
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            union = sum(x or y for x, y in zip(a, b, strict=True))
            both = sum(x and y for x, y in zip(a, b, strict=True))
            assert similarity[i, j].item() == pytest.approx(both / union if union else 0.0)


def test_module_reads_similarity_from_another_teacher(make_batch, make_output):
    batch = make_batch()
    student, teacher, codes = (make_output(batch, i, dim=d) for i, d in ((1, 5), (2, 3), (3, 7)))
    codes.embedding = (codes.embedding.detach() > 0).float()
    objective = OntologyContrastive(5, 3, similarity="codes", teacher="t")
    term = objective(student, {"t": teacher, "codes": codes}, batch)["ow_nt_xent"]
    projected = objective.projector(student.embedding)
    torch.testing.assert_close(term, ontology_nt_xent(projected, teacher.embedding, tanimoto(codes.embedding)))
    with pytest.raises(InputError, match="no teacher 'codes'"):
        objective(student, {"t": teacher}, batch)
    with pytest.raises(InputError, match="gamma -1"):
        OntologyContrastive(5, 3, gamma=-1.0)
