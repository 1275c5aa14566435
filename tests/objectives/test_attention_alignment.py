import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.attention_alignment import AttentionAlignment, attend, attention_alignment


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(seed, d_s=4, d_t=5, inside=6):
    return (
        draw(seed, inside, d_s),
        draw(seed + 1, inside, d_t),
        draw(seed + 2, inside, d_t),
        draw(seed + 3, d_s, inside),
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), heads=st.sampled_from([1, 2, 3]))
def test_equals_torch_multihead_attention(seed, heads):
    query, key, value, out = weights(seed, d_s=6, d_t=5)
    student, teacher = draw(seed + 4, 2, 3, 6), draw(seed + 5, 2, 7, 5)
    layer = torch.nn.MultiheadAttention(6, heads, bias=False, kdim=5, vdim=5, batch_first=True, dtype=torch.float64)
    for name, weight in zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), (query, key, value), strict=True):
        getattr(layer, name).data = weight
    layer.out_proj.weight.data = out
    expected, _ = layer(student, teacher, teacher)
    torch.testing.assert_close(attend(student, teacher, query, key, value, out, heads), expected)


def test_the_order_of_the_teachers_tokens_does_not_count():
    student, teacher = draw(0, 2, 3, 4), draw(1, 2, 7, 5)
    fetched = attend(student, teacher, *weights(2), heads=2)
    torch.testing.assert_close(attend(student, teacher[:, torch.randperm(7)], *weights(2), heads=2), fetched)
    assert attention_alignment(fetched, fetched) == 0


def test_gradient():
    teacher = draw(1, 2, 4, 5)

    def loss(student, out):
        query, key, value, _ = weights(2)
        return attention_alignment(student, attend(student, teacher, query, key, value, out, 2))

    assert torch.autograd.gradcheck(loss, (draw(0, 2, 3, 4).requires_grad_(), weights(2)[3].requires_grad_()))


def test_collapse_is_free_only_as_published(make_batch, make_output):
    batch = make_batch()
    student, teacher = make_output(batch), {"t": make_output(batch, 1, dim=9)}
    dead = Output(student.logits, tokens=torch.zeros(8, 3, 6))
    published, ours = (AttentionAlignment(6, 9, relation_weight=0, learned_values=learned) for learned in (True, False))
    published.out.data.zero_()
    assert published(dead, teacher, batch)["mhca"] == 0
    assert ours(dead, teacher, batch)["mhca"] > 0
    assert {"value", "out"} <= {name for name, _ in published.named_parameters()}
    assert not {"value", "out"} & {name for name, _ in ours.named_parameters()}


def test_refuses(make_batch, make_output):
    batch = make_batch()
    with pytest.raises(InputError, match="student_dim to 6"):
        AttentionAlignment(5, 9)(make_output(batch), {"t": make_output(batch, dim=9)}, batch)
    with pytest.raises(InputError, match="teacher_dim to 6"):
        AttentionAlignment(6, 9)(make_output(batch), {"t": make_output(batch)}, batch)
    with pytest.raises(InputError, match="heads is 0"):
        AttentionAlignment(6, 9, heads=0)
