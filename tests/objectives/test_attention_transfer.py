import pytest
import torch

from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.attention_transfer import AttentionTransfer, attention_transfer


@pytest.mark.parametrize("paper", [False, True])
def test_sees_where_and_not_how_much_or_in_which_channel(paper):
    teacher = torch.randn(4, 6, 10, dtype=torch.float64)
    student = 3 * teacher[:, torch.randperm(6)]
    assert attention_transfer(student, teacher, paper=paper) < 1e-15
    student = teacher.roll(1, dims=2).requires_grad_()
    value = attention_transfer(student, teacher, paper=paper)
    value.backward()
    assert value > 0
    assert student.grad.abs().max() > 0


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_larger_map_is_averaged_down(axes):
    small = torch.randn(2, 3, *[4] * axes, dtype=torch.float64)
    large = small
    for axis in range(axes):
        large = large.repeat_interleave(2, dim=axis + 2)
    assert attention_transfer(large, small) < 1e-15
    assert attention_transfer(small, large) < 1e-15


def test_gradient():
    student, teacher = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: attention_transfer(s, teacher), student.requires_grad_())


def test_a_dead_map_has_a_finite_gradient():
    student = torch.zeros(2, 3, 5, requires_grad=True)
    attention_transfer(student, torch.randn(2, 3, 5), paper=True).backward()
    assert torch.isfinite(student.grad).all()


def test_stages_are_summed_or_chosen(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch, 1), make_output(batch, 2)
    each = {
        stage: AttentionTransfer(stages=[stage])(student, {"t": teacher}, batch)["at"].item()
        for stage in ("stage1", "stage2")
    }
    assert AttentionTransfer()(student, {"t": teacher}, batch)["at"].item() == pytest.approx(sum(each.values()))
    with pytest.raises(InputError, match="Did you mean 'stage1'"):
        AttentionTransfer(stages=["stge1"])(student, {"t": teacher}, batch)
    with pytest.raises(InputError, match="no stage in common"):
        AttentionTransfer()(student, {"t": Output(teacher.logits, features={"layer1": torch.zeros(8, 4, 10)})}, batch)
