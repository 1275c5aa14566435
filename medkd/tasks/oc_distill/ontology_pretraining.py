"""Stage 1 of OC-Distill: contrastive pretraining on two views of each stay, weighted by how unlike diagnoses are."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from medkd.data.core.batch import Batch
from medkd.errors import InputError
from medkd.modalities.codes.code_numbers import code_lists
from medkd.modalities.codes.ontology import Ontology
from medkd.modalities.codes.trees import published_tree, spelled_tree
from medkd.objectives.objective import Objective
from medkd.objectives.ontology_contrastive import ontology_nt_xent
from medkd.objectives.output_fields import Fields
from medkd.tasks.oc_distill.patient_similarity import METHODS, patient_similarity


class OntologyPretraining(Objective):
    """NT-Xent over two views of each stay, a negative's exponential weighted by (1 - similarity)^gamma.

    The similarity of two patients is that of their codes.

    Args:
        tau: temperature above 0, dimensionless.
        gamma: of the weights; 0 is plain NT-Xent, and reads no codes.
        codes: modality of the batch that holds the codes, as lists. Patients without any are like no other.
        ontologies: folder of the published trees; "" uses the tree that the spelling of codes implies.
        method: "ontology", or "flat" for the Jaccard index of the codes themselves.

    Shapes: the student's tokens "batch 2 dim", both views. Term: ``ow_nt_xent``, in nats.

    Raises:
        InputError: a setting is out of range, the batch holds no such codes, or the student shows no two views.

    Source: Liang et al. 2026, OC-Distill, arXiv:2604.16878, stage 1. Similarities are computed batch by batch, where
    the release keeps those of all patients on disk.
    """

    method: ClassVar[str] = "OC-Distill, stage 1"
    source: ClassVar[str] = "Liang et al. 2026, arXiv:2604.16878"
    needs_student: ClassVar[tuple[str, ...]] = ("tokens",)
    needs_teacher: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, tau: float = 1.0, gamma: float = 5.0, codes: str = "codes", ontologies: str = "", method: str = "ontology"
    ) -> None:
        super().__init__()
        if not tau > 0 or gamma < 0 or method not in METHODS:
            what = f"tau {tau:g}, gamma {gamma:g}, method {method}"
            raise InputError(
                what,
                where="OntologyPretraining",
                remedy=f"Give tau above 0, gamma not below, and {' or '.join(METHODS)}",
            )
        self.tau, self.gamma = tau, gamma
        self.codes, self.ontologies, self.similarity_method = codes, ontologies, method
        self._spelled: tuple[set[str], Ontology] = (set(), spelled_tree(()))

    def terms(self, student: Fields, teacher: Fields, batch: Batch) -> dict[str, Tensor]:
        """The term ``ow_nt_xent``."""
        views = student.tokens
        if views.shape[1] != 2:
            raise InputError(
                f"the student shows {views.shape[1]} views",
                where="OntologyPretraining",
                remedy="Wrap its network in TwoViews",
            )
        similarity = self.similarity(batch).to(views.device) if self.gamma else None
        return {"ow_nt_xent": ontology_nt_xent(views[:, 0], views[:, 1], similarity, self.tau, self.gamma)}

    def similarity(self, batch: Batch) -> Tensor:
        """How alike the patients of a batch are by their codes, "batch batch"; what is alike but for rounding is 1."""
        if self.codes not in batch.signals:
            remedy = "Name it in pretrain.view, and give it form: list"
            raise InputError(f"the view has no '{self.codes}'", where="OntologyPretraining.codes", remedy=remedy)
        signal = batch.signals[self.codes]
        values = signal.values.cpu().numpy()
        known = np.ones(values.shape, dtype=np.bool_) if signal.mask is None else signal.mask.cpu().numpy()
        lists = code_lists(values, known)
        tree = self._tree(lists)
        flat = tree.lookup(code for codes in lists for code in codes)
        offsets = np.cumsum([0, *map(len, lists)])
        return (
            torch.from_numpy(patient_similarity(flat, offsets, tree.paths, self.similarity_method)).float().clamp(0, 1)
        )

    def _tree(self, lists: list[list[str]]) -> Ontology:
        if self.ontologies:
            return self._published
        seen, tree = self._spelled
        if not (named := {code for codes in lists for code in codes}) <= seen:
            seen = seen | named
            tree = spelled_tree(sorted(seen))
            self._spelled = seen, tree
        return tree

    @cached_property
    def _published(self) -> Ontology:
        return published_tree(Path(self.ontologies))
