import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error

from medkd.data.core.output import Output
from medkd.errors import InputError
from medkd.objectives.supervised import Supervised, supervised


def value(kind, make_batch, make_output, **kwargs):
    batch = make_batch(kind, n=12)
    student = make_output(batch)
    (term,) = Supervised(**kwargs)(student, {}, batch).values()
    return term.item(), student.logits.detach().double(), batch


def test_binary_equals_sklearn_on_the_labelled(make_batch, make_output):
    got, logits, batch = value("binary", make_batch, make_output)
    known = batch.labelled[:, 0]
    assert 0 < known.sum() < len(known)
    assert got == pytest.approx(log_loss(batch.targets[known, 0], logits.sigmoid()[known, 0], labels=[0, 1]), rel=1e-5)


def test_multilabel_averages_labelled_entries(make_batch, make_output):
    got, logits, batch = value("multilabel", make_batch, make_output)
    entries = [
        log_loss([batch.targets[i, j]], [logits[i, j].sigmoid()], labels=[0, 1])
        for i in range(12)
        for j in range(3)
        if batch.labelled[i, j]
    ]
    assert got == pytest.approx(np.mean(entries), rel=1e-5)


def test_multiclass_equals_sklearn_on_the_labelled(make_batch, make_output):
    got, logits, batch = value("multiclass", make_batch, make_output)
    known = batch.labelled[:, 0]
    assert got == pytest.approx(log_loss(batch.targets[known, 0], logits.softmax(1)[known], labels=[0, 1, 2]), rel=1e-5)


def test_regression_equals_sklearn_on_the_labelled(make_batch, make_output):
    got, logits, batch = value("regression", make_batch, make_output)
    known = batch.labelled[:, 0]
    assert got == pytest.approx(mean_squared_error(batch.targets[known, 0], logits[known, 0]), rel=1e-5)


@pytest.mark.parametrize("kind", ["binary", "multilabel", "multiclass", "regression"])
def test_nothing_labelled_is_zero_with_its_graph(kind, make_batch, make_output):
    batch = make_batch(kind, labelled=0)
    student = make_output(batch)
    (term,) = Supervised()(student, {}, batch).values()
    term.backward()
    assert term.item() == 0
    assert torch.equal(student.logits.grad, torch.zeros_like(student.logits))


@pytest.mark.parametrize("kind", ["binary", "multilabel", "multiclass", "regression"])
def test_unlabelled_entries_may_hold_anything(kind, make_batch, make_output):
    batch = make_batch(kind)
    student = make_output(batch)
    (clean,) = Supervised()(student, {}, batch).values()
    batch.targets[~batch.labelled] = float("nan")
    (dirty,) = Supervised()(student, {}, batch).values()
    dirty.backward()
    assert clean == dirty
    assert torch.isfinite(student.logits.grad).all()
    assert (student.logits.grad[~batch.labelled.any(1)] == 0).all()


def test_pos_weight_counts_a_positive_that_often(make_batch):
    batch = make_batch("binary", n=4, labelled=1)
    batch.targets[:] = torch.tensor([[1.0], [0.0], [0.0], [0.0]])
    logits = torch.tensor([[0.3], [-0.2], [1.0], [0.1]])
    weighted = Supervised(pos_weight=3)(Output(logits), {}, batch)["bce"]
    repeated = supervised(
        logits[[0, 0, 0, 1, 2, 3]], batch.targets[[0, 0, 0, 1, 2, 3]], torch.ones(6, 1, dtype=torch.bool), "binary"
    )
    assert weighted.item() * 4 == pytest.approx(repeated.item() * 6)


@pytest.mark.parametrize("kind", ["binary", "multilabel", "multiclass", "regression"])
def test_gradient(kind, make_batch):
    batch = make_batch(kind, n=5)
    logits = torch.randn(5, batch.target.outputs, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: supervised(x, batch.targets, batch.labelled, kind), logits)


def test_refuses(make_batch, make_output):
    batch = make_batch("multilabel")
    with pytest.raises(InputError, match="above 0"):
        Supervised(pos_weight=-1.0)
    with pytest.raises(InputError, match="2 values"):
        Supervised(pos_weight=[1.0, 2.0])(make_output(batch), {}, batch)
    classes = make_batch("multiclass")
    with pytest.raises(InputError, match="leave it out"):
        Supervised(pos_weight=2.0)(make_output(classes), {}, classes)
    with pytest.raises(InputError, match="outputs to 3"):
        Supervised()(Output(torch.zeros(8, 1)), {}, classes)
