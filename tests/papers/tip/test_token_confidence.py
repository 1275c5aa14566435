import pytest
import torch
from scipy.stats import entropy

from medkd.papers.tip.token_confidence import token_confidence


def test_equals_scipy_and_is_bounded():
    logits, taken = 5 * torch.randn(6, 4, dtype=torch.float64), torch.randint(4, (6,))
    p = logits.softmax(1)
    doubt, chance = token_confidence(logits, taken)
    assert doubt.numpy() == pytest.approx(entropy(p.numpy(), axis=1, base=4))
    torch.testing.assert_close(chance, p[torch.arange(6), taken])
    assert token_confidence(torch.tensor([[80.0, 0.0]]), torch.tensor([0]))[0].item() == pytest.approx(0, abs=1e-6)
