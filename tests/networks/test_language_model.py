"""A pretrained language model from a folder: the same code that reads Bio_ClinicalBERT, on small weights made here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.language_model import LanguageModel

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=6,
    )
    place = tmp_path_factory.mktemp("bert")
    # As Bio_ClinicalBERT is published: with the heads of pretraining, which are left out when it is read.
    transformers.BertForPreTraining(config).save_pretrained(place)
    return place


def ids(*chunks: list[int], samples: int = 1) -> dict[str, Signal]:
    values = torch.zeros(samples, 3, 5)
    mask = torch.zeros_like(values, dtype=torch.bool)
    for place, chunk in enumerate(chunks):
        values[0, place, : len(chunk)] = torch.tensor(chunk, dtype=torch.float32)
        mask[0, place, : len(chunk)] = True
    return {"notes": Signal(values, mask)}


def test_an_embedding_is_the_mean_of_the_chunks_first_vectors(folder: Path):
    network = LanguageModel(str(folder), outputs=1).eval()
    model = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        first = [model(input_ids=torch.tensor([chunk])).last_hidden_state[:, 0] for chunk in ([2, 7, 3], [2, 9, 9, 3])]
        torch.testing.assert_close(network(ids([2, 7, 3], [2, 9, 9, 3])).embedding, torch.stack(first).mean(dim=0))


def test_no_text_at_all_is_finite(folder: Path):
    output = LanguageModel(str(folder), outputs=2, width=4).eval()(ids(samples=2))
    assert output.logits.isfinite().all()
    assert output.embedding.shape == (2, 4)


def test_only_the_last_layers_learn_where_asked(folder: Path):
    network = LanguageModel(str(folder), outputs=1, trained_layers=1)
    network(ids([2, 7, 3])).logits.sum().backward()
    trained = {
        name.split(".layer.")[-1][0] for name, weight in network.model.named_parameters() if weight.grad is not None
    }
    assert trained == {"1"}
    assert not any(
        weight.requires_grad for weight in LanguageModel(str(folder), outputs=1, trained_layers=0).model.parameters()
    )


def test_weights_are_kept(folder: Path):
    one, other = LanguageModel(str(folder), outputs=1).eval(), LanguageModel(str(folder), outputs=1).eval()
    with torch.no_grad():
        one.model.embeddings.word_embeddings.weight.mul_(2)
    other.load_weights(one.dump_weights(), folder)
    torch.testing.assert_close(one(ids([2, 7])).logits, other(ids([2, 7])).logits)


def test_what_does_not_fit_is_refused(folder: Path, tmp_path: Path):
    with pytest.raises(InputError, match="no pretrained model here"):
        LanguageModel(str(tmp_path), outputs=1)
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(InputError, match="cannot be read"):
        LanguageModel(str(tmp_path), outputs=1)
    with pytest.raises(InputError, match="token 99 is beyond"):
        LanguageModel(str(folder), outputs=1)(ids([99]))
    with pytest.raises(InputError, match="chunks have 9 tokens, the model takes 6"):
        LanguageModel(str(folder), outputs=1)({"notes": Signal(torch.ones(1, 1, 9))})
