import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.spectral import Spectral, spectral


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), time=st.integers(1, 9), shift=st.integers(1, 8), scale=st.floats(0.1, 10))
def test_a_shift_changes_phase_alone_and_a_gain_magnitude_alone(seed, time, shift, scale):
    teacher = draw(seed, 2, time, 3)
    magnitude, phase = spectral(teacher.roll(shift, dims=1), teacher)
    assert magnitude < 1e-9
    # The floor under the student's magnitudes leaves a trace where one is below it.
    assert -1e-12 < phase < (2 if shift % time else 1e-2)
    magnitude, phase = spectral(scale * teacher, teacher)
    assert magnitude.item() == pytest.approx(abs(scale - 1) * spectral(0 * teacher, teacher)[0].item())
    assert phase < 0.05
    assert spectral(teacher, teacher)[0] == 0


def test_equals_numpy():
    student, teacher = draw(0, 2, 7, 3), draw(1, 2, 7, 3)
    s, t = (np.fft.rfft(x.numpy(), axis=1, norm="ortho") for x in (student, teacher))
    magnitude, phase = spectral(student, teacher)
    assert magnitude.item() == pytest.approx(np.abs(np.abs(s) - np.abs(t)).mean())
    assert phase.item() == pytest.approx(np.average(1 - np.cos(np.angle(s) - np.angle(t)), weights=np.abs(t)), abs=1e-3)


def test_a_frequency_that_the_teacher_lacks_has_no_phase():
    time = torch.arange(16, dtype=torch.float64)[None, :, None] * torch.pi / 8
    phase = spectral(time.sin() + (3 * time).cos(), time.sin())[1]
    assert phase < 1e-6


def test_gradient():
    teacher = draw(1, 2, 6, 2)
    assert torch.autograd.gradcheck(lambda s: torch.stack(spectral(s, teacher)), draw(0, 2, 6, 2).requires_grad_())


def test_refuses_another_count(make_batch, make_output):
    batch = make_batch()
    student = make_output(batch)
    student.tokens = student.tokens[:, :2]
    with pytest.raises(InputError, match="2 tokens, the teacher 3"):
        Spectral(6, 6)(student, {"t": make_output(batch)}, batch)
