import pytest
import torch

from medkd.papers.momkd.attention_pool import memory_attention


def test_attention_goes_to_what_resembles_the_positive_memory():
    positive, negative = torch.eye(3)[:1], torch.eye(3)[1:2]
    attention = memory_attention(torch.eye(3), 5 * positive, negative, torch.tensor(-1.0))
    assert attention.argsort(descending=True).tolist() == [0, 2, 1]
    assert attention.sum().item() == pytest.approx(1)
    cold, warm = (memory_attention(torch.eye(3), positive, negative, torch.tensor(x)) for x in (-50.0, 50.0))
    assert cold[0] > 0.999
    assert warm[0] < 0.6
