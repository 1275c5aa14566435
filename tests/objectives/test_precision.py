import pytest
import torch

from medkd.objectives.precision import full_precision


@full_precision
def product(a, b, scale=None):
    value = a @ b
    return value if scale is None else value * scale


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_and_double_stays(dtype):
    half = torch.ones(2, 2, dtype=dtype)
    assert product(half, half).dtype == torch.float32
    assert product(half.float(), half.float(), scale=half).dtype == torch.float32
    assert product(half.double(), half.double()).dtype == torch.float64


def test_autocast_is_left():
    x = torch.full((2, 2), 1 + 2**-12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        assert torch.equal(product(x, x), product(x.clone(), x))
        assert product(x, x).dtype == torch.float32
    assert product(x, x)[0, 0] > 2
