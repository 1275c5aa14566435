"""EVL-ECG's losses on tokens, after the paper: optimal transport, attention alignment and relation matching."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from medkd.objectives.attention_alignment import attend, attention_alignment
from medkd.objectives.optimal_transport import transport_cost
from medkd.objectives.token_relations import token_relations


def _ot_visual_matching(inputs: Mapping[str, Tensor], eps: float) -> dict[str, Tensor]:
    cost, plan = transport_cost(inputs["student"][None], inputs["teacher"][None], eps, sweeps=20_000, tolerance=1e-11)
    return {"loss": cost[0], "plan": plan[0]}


def _mhca_alignment(inputs: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
    query, key, value, out = (inputs[name] for name in ("WQ", "WK", "WV", "WO"))
    fetched = attend(inputs["H_s"], inputs["H_t"], query, key, value, out, heads)
    return {"loss": attention_alignment(inputs["H_s"], fetched)}


def _relation_matching(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    distance, angle = token_relations(inputs["H"], inputs["A"], eps=1e-12)
    return {"loss": 0.5 * (distance + angle), "distance": distance, "angle": angle}


GOLDEN = {
    "evl_ecg/ot_visual_matching_paper": _ot_visual_matching,
    "evl_ecg/mhca_alignment_paper": _mhca_alignment,
    "evl_ecg/relation_matching_paper": _relation_matching,
}
