import pytest
import torch

from medkd.errors import InputError
from medkd.objectives.vid import VID, vid


def test_equals_the_density_of_a_gaussian():
    mean, teacher = torch.randn(2, 5, 3, dtype=torch.float64)
    log_scale = torch.randn(3, dtype=torch.float64)
    variance = log_scale.exp().log1p() + 1e-5
    density = torch.distributions.Normal(mean, variance.sqrt()).log_prob(teacher)
    expected = -density.mean() - 0.5 * torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64))
    torch.testing.assert_close(vid(mean, teacher, log_scale), expected)


def test_starts_at_the_variance_asked_for():
    objective = VID(4, 3, variance=0.25)
    torch.testing.assert_close(torch.nn.functional.softplus(objective.log_scale) + 1e-5, torch.full((3,), 0.25))


def test_learns_which_channel_can_be_predicted(make_batch, make_output):
    batch = make_batch(n=64)
    student = make_output(batch, dim=4)
    teacher = make_output(batch, seed=1, dim=2)
    teacher.embedding = torch.stack([student.embedding[:, 0].detach(), 3 * torch.randn(64)], dim=1)
    objective = VID(4, 2)
    optimiser = torch.optim.Adam(objective.parameters(), lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        objective(student, {"t": teacher}, batch)["vid"].backward()
        optimiser.step()
    known, noise = torch.nn.functional.softplus(objective.log_scale).tolist()
    assert noise > 3 * known


def test_gradient():
    mean, teacher = torch.randn(2, 5, 3, dtype=torch.float64)
    scale = torch.randn(3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda m, s: vid(m, teacher, s), (mean.requires_grad_(), scale))


def test_refuses(make_batch, make_output):
    batch = make_batch()
    with pytest.raises(InputError, match="student_dim to 6"):
        VID(5, 6)(make_output(batch), {"t": make_output(batch)}, batch)
    with pytest.raises(InputError, match="teacher_dim"):
        VID(6, 5)(make_output(batch), {"t": make_output(batch)}, batch)
    with pytest.raises(InputError, match="variance is 0"):
        VID(5, 5, variance=0)
