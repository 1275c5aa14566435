import medkd.objectives
from medkd.objectives.attention_transfer import AttentionTransfer
from medkd.objectives.rkd import RKD
from medkd.objectives.similarity_preserving import SimilarityPreserving
from medkd.objectives.supervised_contrastive import SupervisedContrastive
from medkd.registry import entries


def test_short_names_are_the_same_classes():
    assert medkd.objectives.AT is AttentionTransfer
    assert medkd.objectives.SP is SimilarityPreserving
    assert medkd.objectives.SupCon is SupervisedContrastive


def test_every_name_of_the_stub_exists():
    assert medkd.objectives.RKD is RKD
    for name in medkd.objectives.__all__:
        assert getattr(medkd.objectives, name) is not None, name


def test_an_alias_is_not_listed_twice():
    listed = [entry.name for entry in entries("objectives")]
    assert len(listed) == len(set(listed))
    assert not any("aliases" in name for name in listed)
