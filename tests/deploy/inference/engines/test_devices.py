"""Names of devices."""

from __future__ import annotations

import pytest
import torch

from medkd.deploy.inference.engines.devices import Devices
from medkd.errors import InputError


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("auto", ("cuda:0", "cuda:1", "cuda:2")),
        ("cuda", ("cuda:0", "cuda:1", "cuda:2")),
        ("2,0", ("cuda:0", "cuda:2")),
        ("cuda:1", ("cuda:1",)),
        ("cpu", ("cpu",)),
    ],
)
def test_gpus_by_number(text: str, names: tuple[str, ...]) -> None:
    assert Devices.parse(text).names == names


@pytest.mark.usefixtures("three")
def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no GPU 3; this machine has 3"):
        Devices.parse("1,3")


@pytest.mark.parametrize(
    ("text", "message"), [("cuda", "no CUDA device"), ("0", "no CUDA device"), ("tpu", "no device 'tpu'")]
)
def test_without_a_gpu(text: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Devices.parse("auto") == Devices("cpu", ("cpu",))
    with pytest.raises(InputError, match=message):
        Devices.parse(text)


def test_a_cluster_deals_out_its_gpus_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Devices.parse("cuda", elsewhere=True) == Devices("cuda", ("cuda",))
    with pytest.raises(InputError, match="numbers GPUs"):
        Devices.parse("0,1", elsewhere=True)
