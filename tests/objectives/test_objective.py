from typing import ClassVar

import pytest

from medkd.errors import InputError
from medkd.objectives.objective import Objective
from medkd.objectives.ontology_contrastive import OntologyContrastive
from medkd.objectives.soft_labels import SoftLabels
from medkd.objectives.weighted_teachers import WeightedTeachers


class Recorder(Objective):
    """It keeps the fields that it is given."""

    needs_student: ClassVar[tuple[str, ...]] = ("embedding",)
    needs_teacher: ClassVar[tuple[str, ...]] = ("embedding",)

    def terms(self, student, teacher, batch):
        return {"embedding": (student.embedding - teacher.embedding).square().mean()}

    def remember(self, student, teacher, batch):
        self.remembered = (student.embedding, teacher.embedding, len(batch))


def test_terms_and_memory_get_the_declared_fields_of_the_teacher_that_was_named(make_batch, make_output):
    batch = make_batch()
    student, teachers = make_output(batch, 1), {"a": make_output(batch, 2), "b": make_output(batch, 3)}
    objective = Recorder("b")
    expected = (student.embedding - teachers["b"].embedding).square().mean()
    assert objective(student, teachers, batch) == {"embedding": expected}
    objective.update(student, teachers, batch)
    assert objective.remembered == (student.embedding, teachers["b"].embedding, 8)


def test_one_of_several_teachers_must_be_named(make_batch, make_output):
    batch = make_batch()
    student, teachers = make_output(batch, 1), {"a": make_output(batch, 2), "b": make_output(batch, 2)}
    with pytest.raises(InputError, match="SoftLabels uses one teacher, there are 2") as caught:
        SoftLabels()(student, teachers, batch)
    assert "a, b" in caught.value.remedy
    with pytest.raises(InputError, match="no teacher 'bb'") as caught:
        SoftLabels(teacher="bb")(student, teachers, batch)
    assert "'b'" in caught.value.remedy
    with pytest.raises(InputError, match="WeightedTeachers uses all teachers, there are 0"):
        WeightedTeachers()(student, {}, batch)
    assert SoftLabels(teacher="b")(student, teachers, batch) == SoftLabels()(student, {"a": teachers["a"]}, batch)


def test_shapes_are_compared_where_they_are_declared(make_batch, make_output):
    batch, other = make_batch(), make_batch("binary")
    with pytest.raises(InputError, match="logits of the student has shape"):
        SoftLabels()(make_output(batch), {"t": make_output(other)}, batch)


def test_a_second_teacher_may_hold_what_the_first_is_weighted_by(make_batch, make_output):
    batch = make_batch()
    student, teachers = make_output(batch, 1), {"t": make_output(batch, 2), "codes": make_output(batch, 3)}
    objective = OntologyContrastive(6, 6, similarity="codes", teacher="t")
    assert objective.teacher_names(teachers) == ["t", "codes"]
    alone = OntologyContrastive(6, 6, teacher="t")
    alone.load_state_dict(objective.state_dict())
    assert objective(student, teachers, batch) != alone(student, teachers, batch)
    with pytest.raises(InputError, match="no teacher 'code'"):
        OntologyContrastive(6, 6, similarity="code", teacher="t")(student, teachers, batch)
