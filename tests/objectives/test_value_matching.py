import pytest
import torch

from medkd.errors import InputError
from medkd.objectives.value_matching import ValueMatching, value_matching, value_matching_released


def test_released_pulls_to_half_of_the_forecast():
    teacher = torch.full((4, 3), 120.0)
    assert value_matching(teacher, teacher) == 0
    assert value_matching_released(teacher / 2, teacher, 2.0) == 0
    assert value_matching_released(teacher, teacher, 2.0) == 3600


def test_module(make_batch, make_output):
    batch = make_batch("regression")
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    assert ValueMatching()(teacher, {"t": teacher}, batch)["value"] == 0
    expected = value_matching(student.logits, teacher.logits / 2)
    torch.testing.assert_close(
        ValueMatching(released_temperature=2.0)(student, {"t": teacher}, batch)["value"], expected
    )
    with pytest.raises(InputError, match="above 0"):
        ValueMatching(released_temperature=0.0)
