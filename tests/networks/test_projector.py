import pytest
import torch

from medkd.errors import InputError
from medkd.networks.projector import Projector


@pytest.mark.parametrize("hidden", [0, 4])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64], ids=str)
def test_takes_any_precision(hidden, dtype):
    projected = Projector(3, 5, hidden)(torch.ones(2, 3, dtype=dtype))
    assert projected.shape == (2, 5)
    assert projected.dtype == torch.float32


def test_names_the_width_it_was_given():
    with pytest.raises(InputError, match=r"width 4.*student_dim to 4"):
        Projector(3, 5)(torch.ones(2, 4))
