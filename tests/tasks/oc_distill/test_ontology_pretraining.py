"""Stage 1's objective: the paper's loss over two views, with similarities from the codes of the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from medkd.data.core.batch import Batch
from medkd.data.core.output import Output
from medkd.data.core.signal import Signal, observed
from medkd.data.core.target import Target
from medkd.errors import InputError
from medkd.modalities.codes.code_numbers import halves
from medkd.objectives.ontology_contrastive import ontology_nt_xent
from medkd.tasks.oc_distill.ontology_pretraining import OntologyPretraining

PATIENTS = (("ICD9:4280", "ICD9:5849"), ("ICD9:42823",), ("ICD10:I509",), ("ICD9:4280", "ICD9:5849"), (), ())


def batch(codes: bool = True) -> Batch:
    values = torch.full((len(PATIENTS), 2, 3), torch.nan)
    for row, held in enumerate(PATIENTS):
        for place, code in enumerate(held):
            values[row, :, place] = torch.tensor(halves(code), dtype=torch.float32)
    signals = {"vitals": Signal(torch.zeros(len(PATIENTS), 1, 1))}
    if codes:
        signals["codes"] = observed(values, ~values.isnan().flatten(1).all(dim=1), partial=True)
    names = [str(row) for row in range(len(PATIENTS))]
    unlabelled = torch.zeros(len(PATIENTS), 1)
    return Batch({"model": signals}, {}, unlabelled, unlabelled.bool(), Target("y", "binary", ("y",)), names, names)


def test_similarities_follow_the_tree_and_no_code_is_like_no_code():
    found = OntologyPretraining().similarity(batch()).numpy()
    np.testing.assert_allclose(found, found.T)
    assert found[0, 3] == 1
    # 4280 and 42823: their paths share category and chapter, of 4280, 428, circulatory and 42823, 4282, 428,
    # circulatory.
    near = 2 / 5
    assert found[0, 1] == pytest.approx((near + near / 2) / 2)
    # Across the systems the chapter alone is shared: of 4282x's and I50.9's paths 1 in 6.
    assert found[1, 2] == pytest.approx(1 / 6)
    assert found[4].tolist() == found[5].tolist() == [0.0] * 6
    flat = OntologyPretraining(method="flat").similarity(batch())
    assert (flat[0, 3], flat[0, 1]) == (1, 0)


def test_published_trees_tell_which_codes_exist(shared: Path):
    found = OntologyPretraining(ontologies=str(shared / "data/icu/ontologies")).similarity(batch())
    assert found[0, 3] == 1
    assert 0 < found[0, 1] < 1
    # The published trees share nothing but their root.
    assert found[1, 2] == 0


def test_the_loss_is_the_papers_over_both_views():
    torch.manual_seed(0)
    views = torch.randn(len(PATIENTS), 2, 4, requires_grad=True)
    objective = OntologyPretraining(tau=0.5, gamma=2.0)
    (loss,) = objective(Output(torch.zeros(len(PATIENTS), 1), tokens=views), {}, batch()).values()
    torch.testing.assert_close(
        loss, ontology_nt_xent(views[:, 0], views[:, 1], objective.similarity(batch()), 0.5, 2.0)
    )
    loss.backward()
    assert views.grad is not None
    assert views.grad.abs().sum() > 0


def test_without_weights_it_reads_no_codes():
    views = torch.randn(len(PATIENTS), 2, 4)
    (loss,) = OntologyPretraining(gamma=0.0)(Output(torch.zeros(6, 1), tokens=views), {}, batch(codes=False)).values()
    torch.testing.assert_close(loss, ontology_nt_xent(views[:, 0], views[:, 1]))


def test_what_is_missing_is_named():
    output = Output(torch.zeros(6, 1), tokens=torch.zeros(6, 2, 4))
    with pytest.raises(InputError, match="the view has no 'codes'"):
        OntologyPretraining()(output, {}, batch(codes=False))
    with pytest.raises(InputError, match="shows 24 views"):
        OntologyPretraining()(Output(torch.zeros(6, 1), tokens=torch.zeros(6, 24, 4)), {}, batch())
    with pytest.raises(InputError, match="tau 0"):
        OntologyPretraining(tau=0.0)
