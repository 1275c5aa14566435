import torch

from medkd.objectives.whitening import whitening
from medkd.papers.wt_pse.student_shape import shape_distance, student_shape, student_shape_as_released


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SITE = torch.tensor([0, 0, 1])


def test_the_first_maps_variances_count_unless_as_released():
    mean = draw(2, 3, 1, 4, 4)
    for loss, counts in ((student_shape, True), (student_shape_as_released, False)):
        first, last = draw(0, 3, 4, 5, 5).requires_grad_(), draw(1, 3, 4, 5, 5).requires_grad_()
        loss([first, last], mean, mean, SITE).variance.backward()
        assert (first.grad is not None and bool(first.grad.abs().sum() > 0)) == counts
        assert last.grad.abs().sum() > 0


def test_terms_are_means_over_the_maps():
    maps = [draw(0, 3, 4, 5, 5), draw(1, 3, 4, 5, 5)]
    student, teacher = draw(2, 3, 1, 4, 4), draw(3, 3, 1, 4, 4)
    kd, *washed = student_shape(maps, student, teacher, SITE)
    assert kd == shape_distance(student, teacher)
    assert shape_distance(student, student) == 0
    each = [whitening(x, SITE) for x in maps]
    for got, parts in zip(washed, zip(*each, strict=True), strict=True):
        torch.testing.assert_close(got, sum(parts) / 2)


def test_gradient_reaches_the_student_alone():
    student, teacher = draw(0, 2, 1, 3, 3).requires_grad_(), draw(1, 2, 1, 3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: shape_distance(s, teacher.detach()), student)
    shape_distance(student, teacher).backward()
    assert teacher.grad is None
