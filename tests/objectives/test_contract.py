"""Contract of every objective in medkd.objectives; a new one is swept without writing a test."""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

import medkd.objectives
from medkd.data.core.output import Output
from medkd.data.core.target import Kind
from medkd.errors import InputError
from medkd.objectives.objective import Objective

STUDENT_DIM, TEACHER_DIM = 6, 9
MEASURES: dict[str, Any] = {"student_dim": STUDENT_DIM, "teacher_dim": TEACHER_DIM, "classes": 3}
"""Arguments of the step below; any other without a default is given by the class in ``example``."""
SURROGATES = {
    "HybridDivergence",  # a policy gradient: its weights carry none
    "CRD",  # the partition of the first batch is a constant
}
"""Objectives whose gradient is not that of their value, by design."""
BACKEND = os.environ.get("MEDKD_COMPILE_BACKEND", "aot_eager")
"""Of torch.compile; inductor takes minutes, and is left to benchmarks/compile_objectives.py."""
FIELDS = ("logits", "embedding", "features", "tokens", "state")


def objectives() -> list[type[Objective]]:
    kinds = set()
    for info in pkgutil.walk_packages(medkd.objectives.__path__, prefix="medkd.objectives."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if (
                inspect.isclass(value)
                and issubclass(value, Objective)
                and not inspect.isabstract(value)
                and value is not Objective
                and value.__module__ == info.name
            ):
                kinds.add(value)
    return sorted(kinds, key=lambda kind: kind.__name__)


def build(kind: type[Objective]) -> Objective:
    torch.manual_seed(0)
    known = MEASURES | kind.example
    asked = [name for name, p in inspect.signature(kind).parameters.items() if p.default is p.empty]
    assert set(asked) <= set(known), (
        f"{kind.__name__} asks for {asked}; give a default, or a value in {kind.__name__}.example"
    )
    return kind(**{name: known[name] for name in asked})


def only(output: Output, fields: tuple[str, ...]) -> Output:
    """The output with every field gone that an objective did not ask for."""
    parts = {name: getattr(output, name) if name in fields else ({} if name == "features" else None) for name in FIELDS}
    return Output(**parts)


def tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif value is not None:
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)


KINDS = objectives()
sweep = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def test_sweep_finds_the_objectives():
    assert {"SoftLabels", "Supervised", "RKD", "SimilarityPreserving", "EmbeddingMse", "EmbeddingCosine"} <= {
        k.__name__ for k in KINDS
    }


@pytest.fixture
def step(make_batch, make_output):
    def make(kind: type[Objective], n: int = 8, target: Kind = "multiclass"):
        batch = make_batch(target, n=n)
        student = make_output(batch, seed=1, dim=STUDENT_DIM)
        teacher = make_output(batch, seed=2, dim=TEACHER_DIM)
        teachers = {"teacher": only(teacher, kind.needs_teacher)} if kind.needs_teacher else {}
        return only(student, kind.needs_student), teachers, batch

    return make


@sweep
def test_terms_are_finite_and_pull_the_student(kind, step):
    student, teachers, batch = step(kind)
    terms = build(kind)(student, teachers, batch)
    assert terms
    assert all(term.shape == () and torch.isfinite(term) for term in terms.values())
    sum(terms.values()).backward()
    for field in kind.needs_student:
        gradients = [part.grad for part in tensors(getattr(student, field)) if part.grad is not None]
        assert any(gradient.abs().sum() > 0 for gradient in gradients), f"no gradient reaches the student's {field}"


@sweep
def test_teacher_gets_no_gradient(kind, step):
    student, teachers, batch = step(kind)
    sum(build(kind)(student, teachers, batch).values()).backward()
    for teacher in teachers.values():
        for field in kind.needs_teacher:
            assert all(part.grad is None for part in tensors(getattr(teacher, field)))


@sweep
def test_every_parameter_of_the_objective_is_trained(kind, step):
    student, teachers, batch = step(kind)
    objective = build(kind)
    sum(objective(student, teachers, batch).values()).backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@sweep
def test_a_missing_field_is_named(kind, step):
    student, teachers, batch = step(kind)
    for field in kind.needs_student:
        with pytest.raises(InputError, match=rf"student.*{field}"):
            build(kind)(only(student, tuple(set(kind.needs_student) - {field})), teachers, batch)
    for field in kind.needs_teacher:
        less = {name: only(output, tuple(set(kind.needs_teacher) - {field})) for name, output in teachers.items()}
        with pytest.raises(InputError, match=rf"teacher.*{field}"):
            build(kind)(student, less, batch)
    if kind.needs_teacher:
        with pytest.raises(InputError, match="there are 0"):
            build(kind)(student, {}, batch)


@sweep
@pytest.mark.parametrize("target", get_args(Kind))
def test_a_target_that_a_step_would_refuse_is_refused_before_any(kind, target, step):
    """Hours of teachers may be fitted between the two."""
    student, teachers, batch = step(kind, target=target)
    objective = build(kind)
    try:
        objective(student, teachers, batch)
    except InputError as error:
        if f"target '{batch.target.key}' is" in str(error):
            with pytest.raises(InputError):
                objective.check(batch.target)
    else:
        objective.check(batch.target)


@sweep
@pytest.mark.parametrize("n", [1, 2])
def test_tiny_batches(kind, step, n):
    student, teachers, batch = step(kind, n=n)
    value = sum(build(kind)(student, teachers, batch).values())
    value.backward()
    for field in kind.needs_student:
        assert all(
            torch.isfinite(part.grad).all() for part in tensors(getattr(student, field)) if part.grad is not None
        )
    assert torch.isfinite(value)


@sweep
@pytest.mark.parametrize("case", ["extreme", "zero", "equal rows"])
def test_hard_values_have_finite_gradients(kind, step, case):
    student, teachers, batch = step(kind)

    def harden(output: Output) -> Output:
        def hard(part: Tensor) -> Tensor:
            value = {
                "extreme": 40 * part.detach().sign(),
                "zero": 0 * part.detach(),
                "equal rows": part.detach()[:1].expand_as(part),
            }[case]
            return value.clone().requires_grad_()

        changed: dict[str, Any] = {}
        for field in FIELDS:
            value = getattr(output, field)
            if isinstance(value, Tensor):
                changed[field] = hard(value)
            elif isinstance(value, dict):
                changed[field] = {name: hard(part) for name, part in value.items()}
            elif value is not None:
                changed[field] = tuple(hard(part) for part in value)
        return replace(output, **changed)

    student, teachers = harden(student), {name: harden(output) for name, output in teachers.items()}
    value = sum(build(kind)(student, teachers, batch).values())
    assert torch.isfinite(value)
    value.backward()
    for field in kind.needs_student:
        assert all(
            torch.isfinite(part.grad).all() for part in tensors(getattr(student, field)) if part.grad is not None
        )


@sweep
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_computed_in_full(kind, step, dtype):
    student, teachers, batch = step(kind)
    objective = build(kind)
    # What half precision can hold, so that only the computation can differ.
    student, teachers = _cast(student, dtype), {name: _cast(output, dtype) for name, output in teachers.items()}
    torch.manual_seed(7)
    wanted = objective(
        _cast(student, torch.float32), {name: _cast(output, torch.float32) for name, output in teachers.items()}, batch
    )
    torch.manual_seed(7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = objective(student, teachers, batch)
    for name, term in terms.items():
        assert term.dtype == torch.float32, name
        learned = list(objective.parameters())
        torch.testing.assert_close(term, wanted[name], rtol=2e-2 if learned else 1e-6, atol=1e-6)


def _cast(output: Output, dtype: torch.dtype) -> Output:
    def cast(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.detach().to(dtype)
        if isinstance(value, dict):
            return {name: cast(part) for name, part in value.items()}
        return None if value is None else tuple(cast(part) for part in value)

    return Output(**{field: cast(getattr(output, field)) for field in FIELDS})


@sweep
def test_state_survives_a_checkpoint(kind, step, tmp_path):
    student, teachers, batch = step(kind)
    objective = build(kind)
    objective.update(student, teachers, batch)
    torch.save(objective.state_dict(), tmp_path / "objective.pt")
    torch.manual_seed(5)
    other = copy.deepcopy(objective)
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    other.load_state_dict(torch.load(tmp_path / "objective.pt", weights_only=True))
    torch.manual_seed(7)
    first = objective(student, teachers, batch)
    torch.manual_seed(7)
    second = other(student, teachers, batch)
    assert {name: term.item() for name, term in first.items()} == {name: term.item() for name, term in second.items()}


@sweep
def test_compiles_to_the_same_value(kind, step):
    student, teachers, batch = step(kind)
    objective = build(kind)
    torch.manual_seed(7)
    eager = objective(student, teachers, batch)
    torch.manual_seed(7)
    # Else inductor draws other random numbers than eager code does.
    options = {"fallback_random": True} if BACKEND == "inductor" else None
    compiled = torch.compile(objective, backend=BACKEND, options=options)(student, teachers, batch)
    for name, term in eager.items():
        torch.testing.assert_close(compiled[name], term)


@pytest.mark.parametrize("kind", [k for k in KINDS if k.__name__ not in SURROGATES], ids=lambda kind: kind.__name__)
def test_gradient_is_that_of_the_value(kind, step):
    student, teachers, batch = step(kind)
    objective = build(kind).double()
    teachers = {name: _cast(output, torch.float64) for name, output in teachers.items()}
    leaves = list(tensors([getattr(_cast(student, torch.float64), field) for field in kind.needs_student]))

    def value(*parts: Tensor) -> Tensor:
        rest = iter(parts)

        def fill(like: Any) -> Any:
            if isinstance(like, Tensor):
                return next(rest)
            if isinstance(like, dict):
                return {name: fill(part) for name, part in like.items()}
            return tuple(fill(part) for part in like)

        parts_by_field = {field: fill(getattr(student, field)) for field in kind.needs_student}
        torch.manual_seed(7)
        return torch.stack(list(objective(replace(student, **parts_by_field), teachers, batch).values())).sum()

    assert torch.autograd.gradcheck(value, [part.requires_grad_() for part in leaves], fast_mode=True)


@sweep
def test_method_and_source_are_named(kind):
    assert kind.method.strip()
    assert kind.source.strip()


@sweep
def test_arguments_are_plain(kind):
    for name, parameter in inspect.signature(kind).parameters.items():
        assert parameter.annotation is not parameter.empty, f"{kind.__name__}.{name} has no type"
        assert parameter.default is parameter.empty or isinstance(
            parameter.default, str | int | float | bool | list | dict | None
        ), name
