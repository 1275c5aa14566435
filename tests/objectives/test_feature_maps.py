from dataclasses import replace

import pytest
import torch

from medkd.errors import InputError
from medkd.objectives.feature_maps import averaged_to, paired_maps
from medkd.objectives.output_fields import Fields


def fields(output, role="teacher"):
    return Fields(output, ("features",), role, "Toy")


def test_maps_are_paired_by_stage(make_batch, make_output):
    output = make_output(make_batch())
    student, teacher = fields(output, "student"), fields(output, "teacher")
    assert len(paired_maps(student, teacher, [], object())) == 2
    ((s, t),) = paired_maps(student, teacher, ["stage2"], object())
    assert s is t is output.features["stage2"]
    other = replace(output, features={"stage2": output.features["stage2"], "extra": output.features["stage1"]})
    assert len(paired_maps(student, fields(other), [], object())) == 1
    with pytest.raises(InputError, match="the student's features have no stage 'stag1'") as caught:
        paired_maps(student, teacher, ["stag1"], object())
    assert "stage1" in caught.value.remedy
    with pytest.raises(InputError, match="no stage in common"):
        paired_maps(student, fields(replace(output, features={"extra": output.logits})), [], object())


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_averaged_maps_keep_their_mean(axes):
    maps = torch.rand(2, 3, *[8] * axes, dtype=torch.float64)
    smaller = averaged_to(maps, [4] * axes)
    assert smaller.shape == (2, 3, *[4] * axes)
    torch.testing.assert_close(smaller.flatten(2).mean(2), maps.flatten(2).mean(2))
    assert averaged_to(maps, maps.shape[2:]) is maps
