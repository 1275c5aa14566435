import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.distill.distiller import Distiller
from medkd.errors import InputError
from medkd.networks.resnet1d import ResNet1d
from medkd.objectives.channel_grouping import ChannelGrouping
from medkd.objectives.soft_labels import SoftLabels, soft_labels
from medkd.objectives.weighted_teachers import (
    WeightedTeachers,
    confidence_weights,
    teacher_confidence,
    weighted_logits,
    weighted_soft_labels,
)


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), teachers=st.integers(1, 4))
def test_weights_sum_to_one_and_the_surer_teacher_has_more(seed, teachers):
    logits = draw(seed, teachers, 5, 3)
    weights = confidence_weights(logits)
    assert weights.sum().item() == pytest.approx(1)
    sharper = logits.clone()
    sharper[0] *= 3
    assert confidence_weights(sharper)[0] >= weights[0]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10))
def test_importance_moves_weight_and_never_the_size(seed, scale):
    student, teacher, importance = draw(seed, 6, 3), draw(seed + 1, 6, 3), draw(seed + 2, 6).abs() + 0.1
    plain = weighted_soft_labels(student, teacher, 3.0)
    torch.testing.assert_close(plain, soft_labels(student, teacher, 3.0))
    torch.testing.assert_close(weighted_soft_labels(student, teacher, 3.0, torch.full((6,), scale).double()), plain)
    one = weighted_soft_labels(student, teacher, 3.0, importance)
    torch.testing.assert_close(weighted_soft_labels(student, teacher, 3.0, scale * importance), one)


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel"])
def test_one_teacher_is_soft_labels(kind, make_batch, make_output):
    batch = make_batch(kind)
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    expected = soft_labels(student.logits, teacher.logits, 3.0, bernoulli=kind != "multiclass")
    torch.testing.assert_close(WeightedTeachers()(student, {"a": teacher}, batch)["kd"], expected)
    both = {"a": teacher, "b": make_output(batch, 3)}
    torch.testing.assert_close(WeightedTeachers(weights={"a": 2.0})(student, both, batch)["kd"], expected)


def test_smallest_at_the_weighted_mean(make_batch, make_output):
    batch = make_batch()
    teachers = {"a": make_output(batch, 1), "b": make_output(batch, 2)}
    student = make_output(batch, 3)
    student.logits = (0.25 * teachers["a"].logits + 0.75 * teachers["b"].logits).detach()
    objective = WeightedTeachers(weights={"a": 1.0, "b": 3.0})
    assert objective(student, teachers, batch)["kd"].abs() < 1e-6
    assert WeightedTeachers(weights={"a": 1.0})(student, teachers, batch)["kd"] > 1e-3


def test_importance_in_the_module(make_batch, make_output):
    batch = make_batch()
    student, teachers = make_output(batch, 1), {"a": make_output(batch, 2), "b": make_output(batch, 3)}
    stacked = torch.stack([teacher.logits for teacher in teachers.values()])
    mean = weighted_logits(confidence_weights(stacked), stacked)
    expected = weighted_soft_labels(student.logits, mean, 3.0, teacher_confidence(mean))
    term = WeightedTeachers(importance=True)(student, teachers, batch)["kd"]
    torch.testing.assert_close(term, expected)
    assert term != WeightedTeachers()(student, teachers, batch)["kd"]


def test_a_distiller_gives_it_all_its_teachers():
    network, banks = ResNet1d(channels=1, outputs=1), {"a": "bank_a", "b": "bank_b"}
    Distiller(network, {"several": WeightedTeachers()}, banks=banks)
    with pytest.raises(InputError, match="uses teacher ''"):
        Distiller(network, {"one": SoftLabels()}, banks=banks)
    with pytest.raises(InputError, match="is banked"):
        Distiller(network, {"maps": ChannelGrouping()}, banks={"b": "bank_b"}, teachers={"a": "learner_a"})


def test_refuses_what_it_cannot_weigh(make_batch, make_output):
    batch = make_batch()
    teachers = {"a": make_output(batch, 1), "b": make_output(batch, 2)}
    with pytest.raises(InputError, match="teacher 'c'"):
        WeightedTeachers(weights={"c": 1.0})(make_output(batch, 3), teachers, batch)
    with pytest.raises(InputError, match="weights are"):
        WeightedTeachers(weights={"a": -1.0})
    with pytest.raises(InputError, match="temperature is 0"):
        WeightedTeachers(temperature=0)
