import torch

from medkd.papers.rankbygene.training_loss import training_loss, training_loss_released


def test_the_gene_branch_is_a_fixed_target_of_the_rank_term_here_and_not_in_the_release():
    student, teacher = torch.randn(6, 4), torch.randn(6, 4)
    for loss, order, trained in ((training_loss, (), False), (training_loss_released, (torch.randperm(6),), True)):
        gene = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
        rank = loss(student.clone().requires_grad_(), teacher, gene, *order)["rank"]
        (gradient,) = torch.autograd.grad(rank, gene, allow_unused=True)
        assert (gradient is not None and gradient.abs().sum() > 0) == trained


def test_a_collapsed_image_branch_pays_here_and_not_in_the_release():
    gene, collapsed = torch.randn(6, 4), torch.ones(6, 4)
    assert training_loss(collapsed, collapsed, gene)["rank"] > 0.05
    assert training_loss_released(collapsed, collapsed, gene, torch.randperm(6))["rank"] < 1e-6
