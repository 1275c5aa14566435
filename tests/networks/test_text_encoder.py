"""The small encoder of texts."""

from __future__ import annotations

import pytest
import torch

from medkd.data.core.signal import Signal, observed
from medkd.errors import InputError
from medkd.networks.text_encoder import TextEncoder


def notes(*samples: list[list[int]], chunks: int = 3, length: int = 4) -> dict[str, Signal]:
    values = torch.full((len(samples), chunks, length), torch.nan)
    for row, sample in enumerate(samples):
        for place, chunk in enumerate(sample):
            values[row, place, : len(chunk)] = torch.tensor(chunk, dtype=torch.float32)
    return {"notes": observed(values, torch.ones(len(samples), dtype=torch.bool), partial=True)}


@pytest.mark.parametrize("layers", [0, 1])
def test_a_text_is_the_mean_of_its_chunks_and_padding_counts_for_nothing(layers: int):
    torch.manual_seed(0)
    network = TextEncoder(1, vocabulary=20, width=8, layers=layers, heads=2, length=6).eval()
    together = network(notes([[1, 2], [3]])).embedding
    apart = network(notes([[1, 2]], [[3]])).embedding
    torch.testing.assert_close(together[0], apart.mean(dim=0))
    torch.testing.assert_close(together, network(notes([[1, 2], [3]], chunks=5, length=6)).embedding)


@pytest.mark.parametrize("layers", [0, 1])
def test_no_text_at_all_is_finite_in_value_and_gradient(layers: int):
    network = TextEncoder(2, vocabulary=20, width=8, layers=layers, heads=2, length=4)
    output = network(notes([], []))
    assert output.logits.shape == (2, 2)
    assert output.embedding.abs().sum() == 0
    output.logits.sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in network.parameters())


def test_the_order_of_words_matters_to_a_transformer_alone():
    torch.manual_seed(0)
    bag, transformer = TextEncoder(1, 20, 8).eval(), TextEncoder(1, 20, 8, layers=1, heads=2, length=4).eval()
    one, other = notes([[1, 2, 3]]), notes([[3, 2, 1]])
    torch.testing.assert_close(bag(one).embedding, bag(other).embedding)
    assert not torch.allclose(transformer(one).embedding, transformer(other).embedding)


def test_a_word_is_always_left():
    torch.manual_seed(0)
    network = TextEncoder(1, 20, 8, word_dropout=0.99).train()
    assert (network(notes(*[[[5]]] * 50)).embedding - network.words.weight[5]).abs().max() < 1e-6


def test_what_it_was_not_made_for_is_refused():
    network = TextEncoder(1, vocabulary=4, width=8, layers=1, heads=2, length=4)
    with pytest.raises(InputError, match="token 9 is beyond a vocabulary of 4"):
        network(notes([[9]]))
    with pytest.raises(InputError, match="chunks have 7 tokens"):
        network(notes([[1]], length=7))
    with pytest.raises(InputError, match="one modality"):
        network(notes([[1]]) | {"vitals": Signal(torch.zeros(1, 2, 3))})
    with pytest.raises(InputError, match="codes is not a text"):
        network({"codes": Signal(torch.zeros(1, 20))})
