"""Settings that make a run repeatable hold inside their block, and for nobody outside."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from medkd.deploy.inference.engines.determinism import deterministic_kernels, reduced_precision


def test_settings_of_torch_are_restored() -> None:
    threads = torch.get_num_threads()
    with deterministic_kernels("cpu") as passes:
        assert torch.get_num_threads() == 1
        assert passes == threads
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("device", "interval"), [("cpu", 0.004), ("cuda", 0.005)])
def test_everything_is_restored_after_a_failure_too(device: str, interval: float) -> None:
    cudnn = torch.backends.cudnn

    def settings() -> tuple[object, ...]:
        return (
            torch.get_num_threads(),
            sys.getswitchinterval(),
            cudnn.deterministic,
            cudnn.benchmark,
            cudnn.allow_tf32,
        )

    sys.setswitchinterval(interval)
    before, inside = settings(), []

    def failing() -> None:
        inside.extend(settings())
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"), deterministic_kernels(device):
        failing()
    assert settings() == before
    assert inside[2:] == [True, False, False]
    assert (inside[0] == 1) == (device == "cpu" or before[0] == 1)


@pytest.mark.parametrize(("bits", "dtype"), [(32, torch.float32), (16, torch.bfloat16)])
def test_sixteen_bits_only_where_asked_for(bits: int, dtype: torch.dtype) -> None:
    with reduced_precision(bits, "cpu"):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == dtype


def test_sixteen_bits_are_of_one_thread_alone() -> None:
    """Passes of the network run at once: one of them must not change the arithmetic of another."""
    layer, values = torch.nn.Linear(2, 2), torch.ones(1, 2)
    with ThreadPoolExecutor(1) as other, reduced_precision(16, "cpu"):
        assert other.submit(lambda: layer(values).dtype).result() == torch.float32
        assert layer(values).dtype == torch.bfloat16
