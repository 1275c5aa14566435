from __future__ import annotations

import lightgbm
import numpy as np
import pytest
import torch

from medkd.data.core.signal import Signal
from medkd.errors import InputError
from medkd.networks.trees import Trees


def booster(seed: int, numbers: int = 4) -> lightgbm.Booster:
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((200, numbers))
    aim = table[:, seed % numbers] + 0.1 * rng.standard_normal(200)
    return lightgbm.train(
        {"objective": "regression", "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(table, aim), num_boost_round=8
    )


@pytest.fixture(scope="module")
def boosters():
    return [[(booster(0), 1.0), (booster(1), 0.5)], [(booster(2), 0.1), (booster(3), 1.0)]]


@pytest.fixture
def network(boosters):
    made = Trees(outputs=2)
    made.grow(boosters)
    return made


@pytest.fixture
def signals():
    return {"age": Signal(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))}


def test_a_logit_is_the_weighted_mean_of_its_boosters(network, boosters, signals):
    logits = network(signals).logits
    assert logits.dtype == torch.float32
    table = signals["age"].values.double().numpy()
    for column, members in enumerate(boosters):
        expected = sum(weight * member.predict(table) for member, weight in members) / sum(
            weight for _, weight in members
        )
        assert logits[:, column].tolist() == pytest.approx(expected.tolist(), rel=1e-6)


def test_read_again_it_answers_the_same(network, signals):
    content = network.dump_weights()
    other = Trees(outputs=2)
    other.load_weights(content, "here")
    assert other(signals).logits.equal(network(signals).logits)
    assert other.dump_weights() == content


def test_more_than_ten_outputs_keep_their_places(boosters, signals):
    many = Trees(outputs=12)
    many.grow([[boosters[place % 2][0]] for place in range(12)])
    other = Trees(outputs=12)
    other.load_weights(many.dump_weights(), "here")
    assert other(signals).logits.equal(many(signals).logits)


def test_what_was_not_grown_or_grown_on_another_view_is_refused(network):
    with pytest.raises(InputError, match="trees were not grown"):
        Trees(outputs=1)({"age": Signal(torch.zeros(2, 4))})
    with pytest.raises(InputError, match="grown on 4 numbers, this view gives 5"):
        network({"age": Signal(torch.zeros(2, 5))})


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.9, 0.999])
def test_a_text_that_was_cut_is_refused_and_does_not_end_the_process(network, share):
    content = network.dump_weights()
    with pytest.raises(InputError, match=r"model\.txt .*Copy the folder again"):
        Trees(outputs=2).load_weights(content[: int(share * len(content))], "here")


@pytest.mark.parametrize("content", [b"", b"trees", b"\xff\xfe\x00", b"# booster output=7\n", b"# booster \n"])
def test_what_is_no_text_of_trees_is_refused(content):
    with pytest.raises(InputError, match=r"model\.txt .*\(here\)"):
        Trees(outputs=1).load_weights(content, "here")


def test_one_output_too_few_is_refused(network):
    with pytest.raises(InputError, match="no trees for some output"):
        Trees(outputs=3).load_weights(network.dump_weights(), "here")
