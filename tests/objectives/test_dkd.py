import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.dkd import DKD, dkd
from medkd.objectives.soft_labels import soft_labels


def draw(seed, classes=4):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = 3 * torch.randn(2, 6, classes, generator=generator, dtype=torch.float64)
    return student, teacher, torch.randint(classes, (6,), generator=generator), torch.ones(6, dtype=torch.bool)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), temperature=st.floats(0.5, 8))
def test_both_halves_make_up_the_soft_labels(seed, temperature):
    # Equation 6 of the paper: KL = TCKD + (1 - p_y) NCKD, sample by sample.
    student, teacher, target, known = draw(seed)
    for i in range(6):
        row = slice(i, i + 1)
        tckd, nckd = dkd(student[row], teacher[row], target[row], known[row], temperature)
        rest = 1 - (teacher[i] / temperature).softmax(0)[target[i]]
        torch.testing.assert_close(tckd + rest * nckd, soft_labels(student[row], teacher[row], temperature))


def test_zero_only_at_the_teacher():
    student, teacher, target, known = draw(0)
    assert sum(dkd(teacher, teacher, target, known, 4.0)) == 0
    assert all(half > 0 for half in dkd(student, teacher, target, known, 4.0))


def test_two_classes_leave_nothing_among_the_others():
    _, nckd = dkd(*draw(0, classes=2), 4.0)
    assert nckd == 0


def test_gradient():
    student, teacher, target, known = draw(0)
    assert torch.autograd.gradcheck(lambda s: dkd(s, teacher, target, known, 2.0), student.requires_grad_())


def test_the_unlabelled_do_not_count(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    known = batch.labelled[:, 0]
    all_of = DKD()(student, {"t": teacher}, batch)
    alone = dkd(student.logits[known], teacher.logits[known], batch.targets[known, 0].long(), known[known], 4.0)
    torch.testing.assert_close(all_of["tckd"], alone[0])
    torch.testing.assert_close(all_of["nckd"], 8 * alone[1])
    nobody = make_batch(labelled=0)
    value = sum(DKD()(student, {"t": teacher}, nobody).values())
    value.backward()
    assert value == 0


def test_refuses_labels_that_are_no_classes(make_batch, make_output):
    batch = make_batch("multilabel")
    with pytest.raises(InputError, match="Use SoftLabels"):
        DKD()(make_output(batch), {"t": make_output(batch)}, batch)
