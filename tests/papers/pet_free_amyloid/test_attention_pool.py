import torch

from medkd.papers.pet_free_amyloid.attention_pool import AttentionPool


def test_the_order_of_slices_does_not_count_and_samples_do_not_mix():
    torch.manual_seed(0)
    pool = AttentionPool(8, 2).eval()
    query, key = torch.randn(3, 5, 8), torch.randn(3, 7, 8)
    whole = pool(query, key)
    torch.testing.assert_close(pool(query[:, torch.randperm(5)], key[:, torch.randperm(7)]), whole)
    torch.testing.assert_close(torch.cat([pool(query[i : i + 1], key[i : i + 1]) for i in range(3)]), whole)


def test_every_parameter_is_trained():
    torch.manual_seed(0)
    pool = AttentionPool(8, 2)
    pool(torch.randn(3, 5, 8), torch.randn(3, 7, 8)).square().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in pool.parameters())
