import pytest
import torch
from torch.nn import functional

from medkd.objectives.class_memory import commitment, memory_alignment
from medkd.papers.momkd.memory_losses import orthogonality


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_orthogonality_is_smallest_for_orthogonal_slots():
    frame, _ = torch.linalg.qr(draw(0, 2, 5, 3))
    assert orthogonality(3 * frame.mT).abs().max() < 1e-12
    assert (orthogonality(draw(1, 2, 3, 5)) > 0).all()
    assert orthogonality(torch.ones(1, 4, 5)).item() == pytest.approx(0.75)


def test_orthogonality_has_the_gradient_of_its_value():
    memory = functional.normalize(draw(0, 3, 2, 4), dim=-1).requires_grad_()
    assert torch.autograd.gradcheck(orthogonality, memory)


def test_both_modalities_come_to_agree_on_the_class_through_slots_that_are_learned():
    label = torch.arange(24) % 3
    signals = [draw(i, 24, dim) + 3 * functional.one_hot(label, dim) for i, dim in enumerate((6, 9))]
    weights = [(0.3 * draw(2, 8, 6)).requires_grad_(), (0.3 * draw(3, 8, 9)).requires_grad_()]
    memory = functional.normalize(draw(4, 3, 4, 8), dim=2).requires_grad_()

    def projected():
        return [functional.normalize(x @ weight.T, dim=1) for x, weight in zip(signals, weights, strict=True)]

    def loss():
        directions = functional.normalize(memory, dim=2)
        student, teacher = projected()
        aligned = sum(memory_alignment(x, directions, label).mean() for x in (student, teacher))
        return aligned + commitment(student, memory, label)[0].mean() + orthogonality(memory).mean()

    optimiser = torch.optim.Adam([*weights, memory], lr=1e-2)
    before = memory.detach().clone()
    first = loss().item()
    for _ in range(100):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert loss().item() < 0.3 * first
    assert (memory - before).abs().max() > 0.01
    for x in projected():
        closeness = torch.einsum("bd,ckd->bck", x, functional.normalize(memory, dim=2)).amax(2)
        assert (closeness.argmax(1) == label).double().mean() > 0.9
