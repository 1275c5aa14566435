"""Agreement of the limb leads: what Einthoven and Goldberger say of a recording, and lead I against V6.

Six limb leads come from three electrodes, so that any two of them determine the others. A file in which they do not was
put together wrongly (columns exchanged, aVR inverted). Exchanged arms keep every such relation, and make lead I the
mirror image of V6.
Limits are those that all 863 records of PTB-XL's first 500 and Brugada-HUCA pass, and LUDB's, whose leads were scaled
one by one.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from medkd.modalities.ecg.recording import Recording

LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
_RELATIONS = (
    (("I", 1.0), ("III", 1.0), ("II", -1.0)),
    (("aVR", 1.0), ("I", 0.5), ("II", 0.5)),
    (("aVL", 1.0), ("I", -0.5), ("III", 0.5)),
    (("aVF", 1.0), ("II", -0.5), ("III", -0.5)),
    (("aVL", 1.0), ("I", -1.0), ("II", 0.5)),
    (("aVF", 1.0), ("II", -1.0), ("I", 0.5)),
    (("aVR", 1.0), ("aVL", 1.0), ("aVF", 1.0)),
)
"""Sums that are zero, each of leads and their factors."""
_EXPLAINED, _BETTER, _GROSS = 0.15, 4.0, 0.7
"""Of the size of the leads: what is left over where an exchange explains it better by this factor, or nothing does."""
_ARMS = 0.75
"""Of the same 863 records the most is 0.62; six of ten would be above it with their arms swapped."""
_MOST_SECONDS = 60


def contradictions(recording: Recording) -> dict[str, str]:
    """Lead → why it cannot be trusted: leads of ``recording`` that contradict others of it; empty where all agree.

    The middle minute of a longer recording is looked at, in seconds without a missing sample.
    """
    leads = _seconds(recording)
    limb = {lead: leads[lead] for lead in LIMB if lead in leads}
    if len(limb) >= 3 and (leftover := _leftover(limb)) > _EXPLAINED:
        if found := _exchanged(limb, leftover):
            return found
        if leftover > _GROSS:
            what = "limb leads contradict each other (Einthoven, Goldberger). Check how the file was exported"
            return dict.fromkeys(limb, what)
    return _arms(leads)


def _seconds(recording: Recording) -> dict[str, NDArray[np.float64]]:
    """Leads as "second sample", each second around its own mean, which takes the baseline's wander away."""
    width = max(round(recording.rate), 1)
    whole = recording.values.shape[1] // width
    leads = [lead for lead in (*LIMB, "V6") if lead in recording.leads]
    if not whole or len(leads) < 2:
        return {}
    first = max(whole - _MOST_SECONDS, 0) // 2
    rows = [recording.leads.index(lead) for lead in leads]
    values = recording.values[rows, first * width : min(whole, first + _MOST_SECONDS) * width]
    seconds = values.reshape(len(rows), -1, width)
    seconds = seconds[:, np.isfinite(seconds).all(axis=(0, 2))]
    if not seconds.shape[1]:
        return {}
    return dict(zip(leads, seconds - seconds.mean(axis=2, keepdims=True), strict=True))


def _leftover(limb: dict[str, NDArray[np.float64]]) -> float:
    """What is left over of the worst relation, as a share of its leads: the median second's."""
    worst = 0.0
    for relation in _RELATIONS:
        if all(lead in limb for lead, _ in relation):
            terms = np.stack([factor * limb[lead] for lead, factor in relation])
            size = np.sqrt((terms**2).mean(axis=2)).max(axis=0)
            rest = np.sqrt((terms.sum(axis=0) ** 2).mean(axis=1))
            worst = max(worst, float(np.median(rest / np.maximum(size, 1e-9))))
    return worst


def _exchanged(limb: dict[str, NDArray[np.float64]], leftover: float) -> dict[str, str]:
    """Leads that agree once two are exchanged or one is turned over, with that as the reason."""
    tries: list[tuple[float, tuple[str, ...], str]] = []
    for lead in limb:
        turned = _leftover({**limb, lead: -limb[lead]})
        tries.append((turned, (lead,), f"lead {lead} is upside down against the other limb leads"))
    for one, other in combinations(limb, 2):
        swapped = _leftover({**limb, one: limb[other], other: limb[one]})
        tries.append((swapped, (one, other), f"leads {one} and {other} are exchanged, by the other limb leads"))
    best = min(tries)[0]
    if best * _BETTER > leftover:
        return {}
    faults: dict[str, str] = {}
    for rest, leads, what in sorted(tries):
        # With three leads alone several explanations fit equally, and none of the leads can be trusted.
        if rest <= max(2 * best, leftover / _BETTER):
            for lead in leads:
                faults.setdefault(lead, f"{what} (Einthoven, Goldberger). Check how the file was exported")
    return faults


def _arms(leads: dict[str, NDArray[np.float64]]) -> dict[str, str]:
    """Limb leads but aVF, where the arms' electrodes were exchanged."""
    if "I" not in leads or "V6" not in leads:
        return {}
    right = leads.get("aVR", -(leads["I"] + leads["II"]) / 2 if "II" in leads else None)
    one = _correlation(leads["I"], leads["V6"])
    if right is None:
        swapped = one < -0.9
    else:
        # aVR points away from V6, and lead I towards it; a true axis turns one of them, arms turn both.
        other = _correlation(right, leads["V6"])
        swapped = one < 0 < other and other - one > _ARMS
    what = "lead I is the mirror image of V6: the arms' electrodes are exchanged, or the heart lies on the right"
    return dict.fromkeys(LIMB[:5], f"{what}. Record it again, or leave it out") if swapped else {}


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / size) if size > 0 else 0.0
