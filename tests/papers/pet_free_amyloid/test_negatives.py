import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.papers.pet_free_amyloid.negatives import negatives, of_other_label

VALUES = st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.floats(-20, 120))), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None)
@given(scans=VALUES)
def test_never_the_own_subject_and_never_none_where_there_is_another(scans):
    subject = torch.tensor([s for s, _ in scans])
    centiloid = torch.tensor([float("nan") if v is None else v for _, v in scans])
    mask = negatives(subject, centiloid)
    other = subject[:, None] != subject
    assert not (mask & ~other).any()
    assert torch.equal(mask.any(1), other.any(1))
    far = other & ((centiloid[:, None] - centiloid).abs() >= 5)
    for anchor in far.any(1).nonzero():
        assert torch.equal(mask[anchor], far[anchor])


def test_without_a_far_scan_the_farthest_or_all():
    subject = torch.arange(3)
    assert negatives(subject, torch.tensor([0.0, 2.0, 3.0]))[0].tolist() == [False, False, True]
    assert negatives(subject, torch.tensor([0.0, 0.5, -0.5]))[0].tolist() == [False, True, True]
    assert negatives(subject, torch.tensor([float("nan"), 0.0, 90.0]))[0].tolist() == [False, True, True]


def test_the_label_is_looked_at_only_when_asked():
    subject, centiloid = torch.arange(4), torch.tensor([40.0, 90.0, 5.0, 60.0])
    mask = negatives(subject, centiloid)
    assert mask[0].tolist() == [False, True, True, True]
    assert of_other_label(mask, centiloid > 25)[0].tolist() == [False, False, True, False]
    assert torch.equal(of_other_label(mask, torch.ones(4, dtype=torch.bool)), mask)
