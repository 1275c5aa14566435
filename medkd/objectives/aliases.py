"""Short names of the field, for objectives whose file has the long name.

They are not defined beside the classes, so that ``medkd list`` shows each objective once.
"""

from medkd.objectives.attention_transfer import AttentionTransfer
from medkd.objectives.similarity_preserving import SimilarityPreserving
from medkd.objectives.supervised_contrastive import SupervisedContrastive

AT = AttentionTransfer
SP = SimilarityPreserving
SupCon = SupervisedContrastive
