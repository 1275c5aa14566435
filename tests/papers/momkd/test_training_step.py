import pytest
import torch

from medkd.papers.momkd.training_step import slide_terms

# Which inputs each term may move (positive slide); every other gradient is zero or absent.
ROUTES = {
    "task": {"contextual", "log_tau", "patch_proj.weight", "cls_ln.weight", "cls1.weight", "cls2.weight"},
    "mem": {"contextual", "patch_proj.weight", "pos"},
    "align_rna": {"rna_emb", "rna_proj.weight", "pos", "neg"},
    "align_wsi": {"contextual", "log_tau", "patch_proj.weight", "pool_proj.weight", "pos", "neg"},
    "recon": {"reconstruction"},
}


def draw(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slide(patches=5, dim=4, shared=3, slots=2, genes=6, label=1):
    parts = {
        "contextual": draw(0, patches, dim),
        "rna_emb": draw(1, 1, 5),
        "reconstruction": draw(2, 1, genes),
        "log_tau": torch.tensor(-1.0, dtype=torch.float64),
        "pos": draw(3, slots, shared),
        "neg": draw(4, slots, shared),
    }
    shapes = {
        "rna_proj": (shared, 5),
        "patch_proj": (shared, dim),
        "pool_proj": (shared, dim),
        "cls1": (7, dim),
        "cls2": (2, 7),
    }
    for i, (name, shape) in enumerate(shapes.items()):
        parts |= {f"{name}.weight": draw(10 + i, *shape), f"{name}.bias": draw(20 + i, shape[0])}
    parts |= {"cls_ln.weight": draw(5, dim), "cls_ln.bias": draw(6, dim)}
    learned = {name: part.requires_grad_() for name, part in parts.items()}
    return learned | {"rna": draw(7, 1, genes), "label": torch.tensor([label])}


@pytest.mark.parametrize("label", [0, 1])
def test_routes_of_gradients(label):
    parts = slide(label=label)
    names = [name for name, part in parts.items() if part.requires_grad and not name.endswith("bias")]
    for term, value in slide_terms(parts)._asdict().items():
        gradients = torch.autograd.grad(value, [parts[name] for name in names], allow_unused=True, retain_graph=True)
        moved = {
            name
            for name, gradient in zip(names, gradients, strict=True)
            if gradient is not None and gradient.abs().max() > 1e-12
        }
        expected = ROUTES[term]
        if term == "mem" and label == 0:
            expected = expected - {"pos"} | {"neg"}
        assert moved == expected, term


def test_the_total_is_weighted_and_one_patch_is_enough():
    terms = slide_terms(slide(patches=1))
    expected = 0.5 * terms.task + 0.1 * terms.mem + 0.05 * terms.align_rna + 0.2 * terms.align_wsi + 0.05 * terms.recon
    torch.testing.assert_close(terms.total(), expected)
    assert torch.isfinite(terms.total())
