from dataclasses import replace

import pytest
import torch

from medkd.errors import InputError
from medkd.objectives.output_fields import Fields, check_same_shape


@pytest.fixture
def output(make_batch, make_output):
    return make_output(make_batch())


def fields(output, *declared, role="student"):
    return Fields(output, declared, role, "Toy")


def test_declared_fields_are_those_of_the_output(output):
    read = fields(output, "logits", "embedding", "tokens", "state", "features")
    assert read.logits is output.logits
    assert read.embedding is output.embedding
    assert read.tokens is output.tokens
    assert read.state is output.state
    assert read.features == output.features


@pytest.mark.parametrize("field", ["logits", "embedding", "tokens", "state", "features"])
def test_a_declared_field_that_is_missing_is_named_with_the_remedy(output, field):
    lacking = replace(output, **{field: {} if field == "features" else None})
    with pytest.raises(InputError, match=f"the teacher's output has no {field}") as caught:
        fields(lacking, field, role="teacher")
    assert caught.value.where == "Toy"
    assert "Use a network that returns" in caught.value.remedy
    fields(lacking)


@pytest.mark.parametrize("field", ["logits", "embedding", "tokens", "state"])
def test_an_undeclared_field_cannot_be_read_though_it_is_there(output, field):
    with pytest.raises(AttributeError, match=f"Toy.needs_student does not name '{field}'"):
        getattr(fields(output), field)


def test_without_an_output_there_is_nothing_to_read():
    nothing = Fields(None, (), "teacher", "Toy")
    assert nothing.features == {}
    with pytest.raises(AttributeError, match="needs_teacher"):
        _ = nothing.logits


def test_shapes_are_compared():
    check_same_shape(torch.zeros(2, 3), torch.ones(2, 3), "logits", object())
    with pytest.raises(InputError, match=r"shape \(2, 3\), of the teacher \(2, 4\)"):
        check_same_shape(torch.zeros(2, 3), torch.zeros(2, 4), "embedding", object())
