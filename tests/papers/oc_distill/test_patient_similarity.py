import numpy as np

from medkd.modalities.codes.ontology import Ontology
from medkd.papers.oc_distill.patient_similarity import patient_similarity_released


def test_the_release_finds_them_alike_and_nobody_like_itself():
    tree = Ontology.grow([("root", None, ""), ("001", "root", "")])
    codes = np.array([10**12, 10**12, 1, 1])
    similarity = patient_similarity_released(codes, np.arange(5), tree.paths)
    assert similarity.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
