import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.channel_grouping import ChannelGrouping, channel_grouping, regrouped


@settings(max_examples=20, deadline=None)
@given(have=st.integers(1, 9), want=st.integers(1, 9), axes=st.integers(1, 3))
def test_any_channels_and_size(have, want, axes):
    teacher, size = torch.rand(2, have, *[6] * axes), torch.Size([4] * axes)
    assert regrouped(teacher, want, size).shape == (2, want, *size)


@settings(max_examples=10, deadline=None)
@given(groups=st.integers(1, 4), each=st.integers(1, 4))
def test_groups_are_consecutive_and_copies_whole(groups, each):
    teacher = torch.rand(1, groups * each, 5)
    by_hand = teacher.reshape(1, groups, each, 5).mean(2)
    torch.testing.assert_close(regrouped(teacher, groups, torch.Size([5])), by_hand)
    torch.testing.assert_close(regrouped(teacher, each * teacher.shape[1], torch.Size([5])), teacher.repeat(1, each, 1))


def test_zero_at_the_teacher_and_blind_to_nothing_else():
    teacher = torch.rand(2, 4, 6)
    assert channel_grouping(teacher, teacher) == 0
    assert channel_grouping(teacher + 1, teacher).item() == pytest.approx(1)


def test_module_weighs_teachers(make_batch, make_output):
    batch = make_batch()
    student, teachers = make_output(batch, 1), {"a": make_output(batch, 2), "b": make_output(batch, 3, dim=9)}
    a, b = (
        sum(channel_grouping(student.features[s], teachers[name].features[s]) for s in ("stage1", "stage2"))
        for name in teachers
    )
    torch.testing.assert_close(ChannelGrouping()(student, teachers, batch)["feature"], (a + b) / 2)
    torch.testing.assert_close(
        ChannelGrouping(weights={"a": 1.0, "b": 3.0})(student, teachers, batch)["feature"], (a + 3 * b) / 4
    )
    with pytest.raises(InputError, match="teacher 'c'"):
        ChannelGrouping(weights={"c": 1.0})(student, teachers, batch)
