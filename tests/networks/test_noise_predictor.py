import torch

from medkd.networks.noise_predictor import NoisePredictor


def test_positions_do_not_mix_and_time_counts():
    torch.manual_seed(0)
    predictor = NoisePredictor(4)
    x = torch.randn(2, 4, 3, 5)
    time = torch.tensor([3, 700])
    noise = predictor(x, time)
    assert noise.shape == x.shape
    torch.testing.assert_close(predictor(x[:, :, 1, 2], time), noise[:, :, 1, 2])
    assert not torch.allclose(predictor(x, time.flip(0)), noise)
