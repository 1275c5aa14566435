import torch

from medkd.papers.wt_pse.shape_map import draw_shape, draw_shape_as_released, fuse_shape, shape_attention


def test_only_the_right_draw_has_the_right_mean_and_deviation():
    noise = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    mean, log_variance = torch.full_like(noise, 2.0), torch.full_like(noise, -1.0)
    right, released = draw_shape(mean, log_variance, noise), draw_shape_as_released(mean, log_variance, noise)
    deviation = torch.tensor(-0.5).exp()
    torch.testing.assert_close(right.mean(), torch.tensor(2.0), rtol=0.01, atol=0)
    torch.testing.assert_close(right.std(), deviation, rtol=0.01, atol=0)
    torch.testing.assert_close(released.mean(), 2 + 2 * deviation, rtol=0.01, atol=0)
    torch.testing.assert_close(released.std(), deviation**2, rtol=0.01, atol=0)


def test_gradients():
    mean, log_variance, noise = torch.randn(3, 4, dtype=torch.float64)
    inputs = (mean.requires_grad_(), log_variance.requires_grad_())
    assert torch.autograd.gradcheck(lambda m, v: draw_shape(m, v, noise), inputs)
    draw_shape_as_released(*inputs, noise).sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones_like(mean))


def test_the_shape_lets_more_of_the_embedding_through():
    embedding = torch.rand(1, 3, 4)
    attention = shape_attention(torch.tensor([[[-100.0, 0.0, 1.0, 100.0]]]), torch.tensor(1.0), torch.tensor(0.0))
    share = fuse_shape(embedding, attention) / embedding
    torch.testing.assert_close(share[0, 0, [0, 1, 3]], torch.tensor([0.3, 0.8, 1.3]))
    assert (share.diff(dim=2) > 0).all()
