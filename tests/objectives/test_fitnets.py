import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.fitnets import FitNets, fitnets


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), axes=st.integers(1, 3), standardise=st.booleans())
def test_zero_where_the_projection_gives_the_teacher(seed, axes, standardise):
    student, weight = draw(seed, 2, 3, *[4] * axes), draw(seed + 1, 5, 3)
    teacher = torch.einsum("oc,bc...->bo...", weight, student)
    mse, cosine = fitnets(student, teacher, weight, standardise)
    assert mse < 1e-20
    assert cosine.abs() < 1e-9
    mse, cosine = fitnets(student + draw(seed + 2, *student.shape), teacher, weight, standardise)
    assert mse > 0
    assert cosine > 0


def test_standardised_is_blind_to_the_teachers_scale():
    student, teacher, weight = draw(0, 2, 3, 4), draw(1, 2, 5, 4), draw(2, 5, 3)
    one = fitnets(student, teacher, weight, True)[0]
    torch.testing.assert_close(fitnets(7 * student, 7 * teacher, weight, True)[0], one)


def test_module_is_the_mean_over_stages(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2, dim=9)
    objective = FitNets({"stage1": [4, 4], "stage2": [6, 9]}, beta=0.25)
    terms = objective(student, {"t": teacher}, batch)
    each = [
        fitnets(student.features[stage], teacher.features[stage], weight)
        for stage, weight in zip(("stage1", "stage2"), objective.weights, strict=True)
    ]
    torch.testing.assert_close(terms["feature_mse"], (each[0][0] + each[1][0]) / 2)
    torch.testing.assert_close(terms["feature_cos"], 0.25 * (each[0][1] + each[1][1]) / 2)


def test_refuses(make_batch, make_output):
    batch = make_batch()
    with pytest.raises(InputError, match="channels are"):
        FitNets({})
    with pytest.raises(InputError, match=r"channels.stage1 to \[4, 4\]"):
        FitNets({"stage1": [5, 4]})(make_output(batch, 1), {"t": make_output(batch, 2)}, batch)
