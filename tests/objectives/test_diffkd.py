import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.diffkd import DiffKD, denoise, noise_prediction, signal_share

SHARE = signal_share()


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), steps=st.integers(1, 7), from_start=st.booleans())
def test_a_predictor_that_knows_the_clean_feature_finds_it(seed, steps, from_start):
    clean = draw(seed, 3, 4, 2)

    def oracle(noisy, time):
        a = SHARE[time].reshape(-1, 1, 1)
        return (noisy - a.sqrt() * clean) / (1 - a).sqrt()

    refined = denoise(
        draw(seed + 1, 3, 4, 2), draw(seed + 2, 3, 4, 2), torch.rand(3).double(), oracle, SHARE, steps, from_start
    )
    torch.testing.assert_close(refined, clean)


def test_the_times_of_both_grids():
    seen = []

    def note(noisy, time):
        seen.append(int(time[0]))
        return noisy

    x = draw(0, 2, 3)
    denoise(x, x, torch.ones(2), note, SHARE)
    denoise(x, x, torch.ones(2), note, SHARE, from_start=True)
    assert seen == [400, 300, 200, 100, 0, 800, 600, 400, 200, 0]


def test_the_true_noise_costs_nothing():
    teacher, noise = draw(0, 4, 3), draw(1, 4, 3)
    time = torch.tensor([0, 10, 500, 999])
    assert noise_prediction(teacher, noise, time, lambda x, t: noise, SHARE) == 0

    def oracle(noisy, time):
        a = SHARE[time][:, None]
        return (noisy - a.sqrt() * teacher) / (1 - a).sqrt()

    assert noise_prediction(teacher, noise, time, oracle, SHARE) < 1e-20


def test_gradient():
    noise, mix = draw(1, 2, 3), draw(2, 3, 3)

    def refine(feature, gamma):
        return denoise(feature, noise, gamma, lambda x, t: x @ mix, SHARE, steps=2)

    assert torch.autograd.gradcheck(refine, (draw(0, 2, 3).requires_grad_(), torch.rand(2).double().requires_grad_()))


def test_the_autoencoder_hears_reconstruction_alone(make_batch, make_output):
    batch = make_batch()
    objective = DiffKD(6, 9)
    terms = objective(make_output(batch, 1), {"t": make_output(batch, 2, dim=9)}, batch)
    encoder = list(objective.encoder.parameters())
    gradients = torch.autograd.grad(terms["kd"] + terms["diff"], encoder, allow_unused=True, retain_graph=True)
    assert all(gradient is None for gradient in gradients)
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(terms["ae"], encoder))


def test_a_student_that_knows_the_teacher_comes_near(make_batch):
    batch = make_batch(n=32)
    torch.manual_seed(0)
    basis = torch.randn(2, 6)
    hidden = torch.randn(32, 2)
    knows, ignorant = (
        Output(torch.zeros(32, 3), embedding=hidden @ basis),
        Output(torch.zeros(32, 3), embedding=torch.zeros(32, 6)),
    )
    teacher = {"t": Output(torch.zeros(32, 3), embedding=hidden @ torch.randn(2, 8))}
    left = {}
    for name, student in (("knows", knows), ("ignorant", ignorant)):
        objective = DiffKD(6, 8)
        optimiser = torch.optim.Adam(objective.parameters(), lr=1e-2)
        for _ in range(150):
            optimiser.zero_grad()
            terms = objective(student, teacher, batch)
            sum(terms.values()).backward()
            optimiser.step()
        left[name] = terms["kd"].item()
    assert left["knows"] < 0.5 * left["ignorant"]


def test_refuses(make_batch, make_output):
    batch = make_batch()
    with pytest.raises(InputError, match="teacher_dim to 6"):
        DiffKD(6, 9)(make_output(batch), {"t": make_output(batch)}, batch)
    with pytest.raises(InputError, match="steps is 0"):
        DiffKD(6, 9, steps=0)
    with pytest.raises(InputError, match="latent is 1"):
        DiffKD(6, 9, latent=1)
