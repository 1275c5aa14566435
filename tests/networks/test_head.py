import pytest
import torch

from medkd.networks.head import Head


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


@pytest.mark.parametrize("hidden", [0, 7])
def test_it_begins_at_values_of_a_mean_and_deviation(hidden):
    torch.manual_seed(0)
    head = Head(5, 2, hidden=hidden).eval()
    with torch.no_grad():
        head.layers[-1].bias.zero_()
    x = torch.randn(30, 5)
    before = head(x)
    mean, deviation = torch.tensor([150.0, -2.0]), torch.tensor([40.0, 0.5])
    head.begin_at(mean, deviation)
    torch.testing.assert_close(head(x), mean + deviation * before)
    assert all(parameter.requires_grad and parameter.grad_fn is None for parameter in head.parameters())
