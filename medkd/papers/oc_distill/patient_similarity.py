"""Patient similarity of OC-Distill as released, where codes beyond the tree are alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy.sparse import block_diag, csr_array, eye_array
from torch import Tensor

from medkd.modalities.codes.ontology import Indices, ancestry
from medkd.tasks.oc_distill.patient_similarity import Matrix, best_match_similarity


def patient_similarity_released(codes: Indices, offsets: Indices, paths: csr_array, method: str = "ontology") -> Matrix:
    """As the release has it: a code beyond the tree is like itself alone, one that is the root like none.

    The diagonal is 0.

    Args:
        codes: of all patients, one after the other, "code": rows of ``paths``, or numbers from ``len(paths)`` on for
            codes that the tree does not hold, one number per code.
        offsets, paths, method: as for ``medkd.tasks.oc_distill.patient_similarity.patient_similarity``.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878; https://github.com/the-chen-lab/OC-Distill,
    methods/compute_similarity.py.
    """
    beyond = codes >= paths.shape[0]
    unknown, index = np.unique(codes[beyond], return_inverse=True)
    codes = codes.copy()
    codes[beyond] = paths.shape[0] + index
    wider = csr_array(block_diag([paths, eye_array(len(unknown))])) if len(unknown) else paths
    similarity = best_match_similarity(codes, offsets, wider, method)
    np.fill_diagonal(similarity, 0)
    return similarity


def _patient_similarity(inputs: Mapping[str, Tensor], method: str) -> dict[str, Tensor]:
    paths = ancestry(inputs["parent"].numpy(), int(inputs["root"]))
    codes, offsets = inputs["codes"].numpy(), inputs["offsets"].numpy()
    return {"similarity": torch.from_numpy(patient_similarity_released(codes, offsets, paths, method))}


GOLDEN = {"oc_distill/patient_similarity": _patient_similarity}
