import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.objectives.crd import (
    CRD,
    crd_contrast,
    crd_remember,
    crd_scores,
)


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_own_memory_up_and_others_down(seed):
    scores = draw(seed, 4, 6).exp().requires_grad_()
    (gradient,) = torch.autograd.grad(crd_contrast(scores, 20), scores)
    assert (gradient[:, 0] < 0).all()
    assert (gradient[:, 1:] > 0).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), momentum=st.floats(0, 1))
def test_only_own_rows_move_and_stay_of_length_one(seed, momentum):
    memory = torch.nn.functional.normalize(draw(seed, 7, 4), dim=1)
    own = torch.tensor([5, 2])
    moved = crd_remember(memory, torch.nn.functional.normalize(draw(seed + 1, 2, 4), dim=1), own, momentum)
    rest = [0, 1, 3, 4, 6]
    torch.testing.assert_close(moved[rest], memory[rest])
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(7).double())


@pytest.mark.parametrize("count", [6, 500])
def test_scores_are_those_of_the_rows_drawn_however_large_the_memory(count):
    features, memory = draw(0, 3, 4).requires_grad_(), draw(1, count, 4)
    rows = torch.tensor([[0, 5, 5], [count - 1, 2, 0], [3, 3, 1]])
    wanted = torch.stack(
        [torch.stack([(memory[row] @ x / 0.5).exp() for row in own]) for own, x in zip(rows, features, strict=True)]
    )
    scores = crd_scores(features, memory, rows, 0.5)
    torch.testing.assert_close(scores, wanted)
    (gradient,) = torch.autograd.grad(scores.sum(), features)
    torch.testing.assert_close(
        gradient, torch.stack([(memory[own] * s[:, None] / 0.5).sum(0) for own, s in zip(rows, wanted, strict=True)])
    )


@pytest.fixture
def setting(make_batch, make_output):
    batch = make_batch(n=4)
    return make_output(batch, 1, dim=5), {"t": make_output(batch, 2, dim=3)}, batch


def test_forward_leaves_the_state_and_update_changes_it(setting):
    objective = CRD(5, 3, samples=10, dim=4)
    before = {name: value.clone() for name, value in objective.named_buffers()}
    objective(*setting)
    assert all(torch.equal(value, before[name]) for name, value in objective.named_buffers())
    objective.update(*setting)
    assert (objective.memory_student != before["memory_student"]).any(dim=1).tolist() == [True] * 4 + [False] * 6
    z = objective.partition.clone()
    assert (z > 0).all()
    objective.update(*setting)
    assert torch.equal(objective.partition, z), "the partition is fixed at the first step"


def test_samples_keep_their_row(setting, tmp_path):
    student, teachers, batch = setting
    objective = CRD(5, 3, samples=10, dim=4)
    objective.update(student, teachers, batch)
    torch.save(objective.state_dict(), tmp_path / "o.pt")
    other = CRD(5, 3, samples=10, dim=4)
    other.load_state_dict(torch.load(tmp_path / "o.pt", weights_only=True))
    batch.sample_id = ["new", "s3", "newer", "s0"]
    for each in (objective, other):
        memory = each.memory_teacher.clone()
        each.update(student, teachers, batch)
        assert (each.memory_teacher != memory).any(dim=1).nonzero().flatten().tolist() == [0, 3, 4, 5]


def test_repeated_steps_bring_the_loss_down(setting):
    objective = CRD(5, 3, samples=4, dim=4)
    optimiser = torch.optim.SGD(objective.parameters(), lr=0.02)
    values = []
    for _ in range(30):
        loss = sum(objective(*setting).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        objective.update(*setting)
        values.append(loss.item())
    assert values[-1] < 0.9 * values[0]


def test_negatives_are_never_oneself(setting):
    objective = CRD(5, 3, samples=10, dim=4, negatives=3)
    rows = torch.cat([objective._drawn(torch.tensor([2, 9])) for _ in range(50)])
    assert rows.shape == (100, 4)
    assert (rows[:, :1] != rows[:, 1:]).all()
    assert set(rows[::2, 1:].flatten().tolist()) == set(range(10)) - {2}


def test_more_samples_than_rows(setting):
    with pytest.raises(InputError, match="more than 3 samples"):
        CRD(5, 3, samples=3)(*setting)
