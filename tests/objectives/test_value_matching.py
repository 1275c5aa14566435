import torch

from medkd.objectives.value_matching import ValueMatching, value_matching


def test_smallest_at_the_teacher():
    teacher = torch.full((4, 3), 120.0)
    assert value_matching(teacher, teacher) == 0
    assert value_matching(teacher / 2, teacher) == 3600


def test_module(make_batch, make_output):
    batch = make_batch("regression")
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    assert ValueMatching()(teacher, {"t": teacher}, batch)["value"] == 0
    expected = value_matching(student.logits, teacher.logits)
    torch.testing.assert_close(ValueMatching()(student, {"t": teacher}, batch)["value"], expected)
