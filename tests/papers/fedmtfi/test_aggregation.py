import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.errors import InputError
from medkd.papers.fedmtfi.aggregation import aggregate, client_weights


@settings(max_examples=20, deadline=None)
@given(samples=st.lists(st.integers(1, 1000), min_size=1, max_size=5))
def test_equal_states_stay_and_weights_sum_to_one(samples):
    state = {"w": torch.randn(3, 2), "count": torch.tensor(7)}
    mean = aggregate([state] * len(samples), samples)
    torch.testing.assert_close(mean, state)
    assert client_weights(torch.tensor(samples)).sum().item() == pytest.approx(1)


def test_is_fitting_on_all_samples_for_means():
    x = torch.randn(30)
    parts = x.split([5, 10, 15])
    mean = aggregate([{"mean": part.mean()} for part in parts], [5, 10, 15])["mean"]
    torch.testing.assert_close(mean, x.mean())


def test_buffers_keep_their_type():
    layers = [torch.nn.BatchNorm1d(2) for _ in range(2)]
    layers[0].num_batches_tracked += 3
    mean = aggregate([layer.state_dict() for layer in layers], [1, 1])
    assert mean["num_batches_tracked"].dtype == torch.int64
    layers[1].load_state_dict(mean)


def test_accuracy_shifts_weight_and_none_at_all_is_even():
    assert client_weights(torch.tensor([10, 10]), torch.tensor([0.9, 0.3])).tolist() == pytest.approx([0.75, 0.25])
    assert client_weights(torch.tensor([10, 30]), torch.zeros(2)).tolist() == [0.5, 0.5]
    assert client_weights(torch.tensor([10, 10]), torch.tensor([0.9, float("nan")])).tolist() == pytest.approx(
        [0.9, 0.1]
    )


def test_refuses_another_architecture():
    with pytest.raises(InputError, match="cannot be averaged"):
        aggregate([{"a": torch.zeros(1)}, {"b": torch.zeros(1)}], [1, 1])
    with pytest.raises(InputError, match="0 clients"):
        aggregate([], [])
