import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from medkd.errors import InputError
from medkd.objectives.class_memory import ClassMemory, commitment, memory_alignment, moved_memory


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(seed, *shape):
    return functional.normalize(draw(seed, *shape), dim=-1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_nearest_slots_equal_a_search_and_commitment_is_zero_on_a_slot(seed):
    memory, label = draw(seed, 3, 4, 5), torch.tensor([0, 2, 1, 2])
    features = draw(seed + 1, 4, 5)
    value, index = commitment(features, memory, label)
    apart = torch.stack([torch.cdist(x[None], memory[y])[0] for x, y in zip(features, label, strict=True)])
    assert torch.equal(index, apart.argmin(1))
    torch.testing.assert_close(value, apart.amin(1).square() / 5)
    on, index = commitment(memory[label, [3, 1, 0, 2]], memory, label)
    assert (on == 0).all()
    assert index.tolist() == [3, 1, 0, 2]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_alignment_is_small_on_the_own_classs_slots_alone(seed):
    frame, _ = torch.linalg.qr(draw(seed, 6, 6))
    memory, label = frame.reshape(3, 2, 6), torch.tensor([0])
    at = torch.cat([memory_alignment(slot[None], memory, label, margin=0.1) for slot in frame])
    assert (at[:2] < 0.01).all()
    assert (at[2:] > 10).all()
    feature = unit(seed + 1, 1, 6)
    two = memory[:2]
    same = memory_alignment(feature, two[[0, 0]], label, margin=0.3)
    assert same.item() == pytest.approx(functional.softplus(torch.tensor(6.0)).item())


def test_gradients():
    memory, label = unit(0, 3, 2, 4).requires_grad_(), torch.tensor([0, 2])
    features = unit(1, 2, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, m: memory_alignment(x, m, label), (features, memory))
    assert torch.autograd.gradcheck(lambda x: commitment(x, memory, label)[0], features)


def test_the_memory_moves_to_the_mean_of_what_is_nearest():
    memory, label = unit(0, 2, 3, 4), torch.tensor([1, 1, 1, 0])
    features = torch.stack([memory[1, 2], memory[1, 2], memory[1, 0], memory[0, 1]]) + 0.01 * draw(1, 4, 4)
    moved = moved_memory(memory, features, label, momentum=0.9)
    torch.testing.assert_close(
        moved[1, 2], functional.normalize(0.9 * memory[1, 2] + 0.1 * features[:2].mean(0), dim=0)
    )
    untouched = torch.tensor([[True, False, True], [False, True, False]])
    assert torch.equal(moved[untouched], memory[untouched])
    torch.testing.assert_close(moved.norm(dim=2), torch.ones(2, 3, dtype=torch.float64))
    assert torch.equal(moved_memory(memory, features[:0], label[:0], 0.9), memory)


# Which part each term moves: the student's projection, the teacher's. They meet in the memory alone.
ROUTES = {"align_student": (True, False), "align_teacher": (False, True), "mem": (True, False)}


def test_routes_of_gradients(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2, dim=9)
    objective = ClassMemory(6, 9, 3)
    parts = (objective.student.layers[0].weight, objective.projected_teacher.layers[0].weight)
    assert not objective.memory.requires_grad
    terms = objective(student, {"t": teacher}, batch)
    assert set(terms) == set(ROUTES)
    for name, term in terms.items():
        gradients = torch.autograd.grad(term, parts, allow_unused=True, retain_graph=True)
        moves = tuple(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients)
        assert moves == ROUTES[name], name
    # Nor does the commitment of the student move a slot.
    memory = objective.memory.detach().clone().requires_grad_()
    value, _ = commitment(torch.randn(2, 64, requires_grad=True), memory, torch.tensor([0, 1]))
    assert torch.autograd.grad(value.sum(), memory, allow_unused=True) == (None,)


def test_only_labelled_samples_and_only_update_move_the_running_memory(make_batch, make_output):
    batch, nothing = make_batch(), make_batch(labelled=0)
    student, teachers = make_output(batch, 1), {"t": make_output(batch, 2, dim=9)}
    objective = ClassMemory(6, 9, 3, slots=2)
    before = objective.memory.clone()
    value = sum(objective(student, teachers, nothing).values())
    value.backward()
    assert value == 0
    objective.update(student, teachers, nothing)
    assert torch.equal(objective.memory, before)
    objective(student, teachers, batch)
    assert torch.equal(objective.memory, before)
    objective.update(student, teachers, batch)
    assert not torch.equal(objective.memory, before)


def test_both_parties_come_to_agree_on_the_class(make_batch, make_output):
    batch = make_batch(n=24, labelled=1)
    student, teachers = make_output(batch, 1), {"t": make_output(batch, 2, dim=9)}
    for output in (student, teachers["t"]):
        output.embedding = output.embedding.detach() + 3 * functional.one_hot(
            batch.targets[:, 0].long(), output.embedding.shape[1]
        )
    objective = ClassMemory(6, 9, 3, momentum=0.9)
    optimiser = torch.optim.Adam(objective.parameters(), lr=1e-2)
    first = sum(objective(student, teachers, batch).values()).item()
    for _ in range(60):
        optimiser.zero_grad()
        sum(objective(student, teachers, batch).values()).backward()
        optimiser.step()
        objective.update(student, teachers, batch)
    assert sum(objective(student, teachers, batch).values()).item() < 0.3 * first
    s = functional.normalize(objective.student(student.embedding), dim=1)
    closeness = torch.einsum("bd,ckd->bck", s, functional.normalize(objective.memory, dim=2)).amax(2)
    assert (closeness.argmax(1) == batch.targets[:, 0]).float().mean() > 0.9


def test_binary_targets_have_two_classes(make_batch, make_output):
    batch = make_batch("binary")
    terms = ClassMemory(6, 9, 2)(make_output(batch), {"t": make_output(batch, dim=9)}, batch)
    assert all(torch.isfinite(term) for term in terms.values())


def test_refuses(make_batch, make_output):
    for kind, remedy in (
        ("multiclass", "classes to 3"),
        ("binary", "classes to 2"),
        ("multilabel", "binary or multi-class"),
    ):
        batch = make_batch(kind)
        with pytest.raises(InputError, match="the memory has 4 classes") as caught:
            ClassMemory(6, 9, 4)(make_output(batch), {"t": make_output(batch, dim=9)}, batch)
        assert remedy in caught.value.remedy
    with pytest.raises(InputError, match="classes is 1"):
        ClassMemory(6, 9, 1)
