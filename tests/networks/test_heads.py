import torch

from medkd.networks.heads import Head


def test_is_linear_without_a_hidden_layer():
    head = Head(5, 2, dropout=0.5).eval()
    a, b = torch.randn(2, 3, 5)
    torch.testing.assert_close(head(a) + head(b), head(a + b) + head(torch.zeros(3, 5)))


def test_is_not_with_one():
    torch.manual_seed(0)
    head = Head(5, 2, hidden=7).eval()
    a = torch.randn(3, 5)
    assert head(a).shape == (3, 2)
    assert not torch.allclose(head(a) + head(-a), 2 * head(torch.zeros(3, 5)))


def test_dropout_acts_in_training_alone():
    torch.manual_seed(0)
    head = Head(50, 2, dropout=0.5)
    x = torch.randn(3, 50)
    assert not torch.equal(head(x), head(x))
    assert torch.equal(head.eval()(x), head(x))
