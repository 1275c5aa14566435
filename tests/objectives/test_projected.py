import pytest

from medkd.errors import InputError
from medkd.objectives.projected import ProjectedObjective


class Gap(ProjectedObjective):
    def compare(self, student, teacher, batch):
        assert not teacher.requires_grad
        return {"gap": (student - teacher).abs().mean()}


def test_the_students_embedding_is_brought_to_the_teachers_width(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1, dim=5), make_output(batch, 2, dim=3)
    objective = Gap(5, 3, hidden=4)
    expected = (objective.projector(student.embedding) - teacher.embedding).abs().mean()
    assert objective(student, {"t": teacher}, batch)["gap"] == expected


def test_widths_are_checked(make_batch, make_output):
    batch = make_batch()
    student, teachers = make_output(batch, 1, dim=5), {"t": make_output(batch, 2, dim=3)}
    with pytest.raises(InputError, match="student_dim") as caught:
        Gap(6, 3)(student, teachers, batch)
    assert "student_dim to 5" in str(caught.value)
    with pytest.raises(InputError, match="embedding of the student has shape") as caught:
        Gap(5, 4)(student, teachers, batch)
    assert "teacher_dim" in caught.value.remedy
