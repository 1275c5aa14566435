"""Settings of the evidence, as a recipe writes them."""

from __future__ import annotations

from dataclasses import dataclass

from medkd.errors import InputError
from medkd.evidence.calibration.thresholds import parse_rule


@dataclass(frozen=True)
class EvidenceSettings:
    """Metric, bootstrap, threshold rule and subgroups.

    Args:
        metric: metric of the verdict: auroc, auprc, f1, sensitivity, specificity, brier or ece; for values rmse or mae.
        replicates: number of bootstrap replicates.
        confidence: of every interval, at least 0.5 and below 1.
        seed: of the bootstrap's draws.
        threshold: rule on the validation part: "youden", "f1", or "sensitivity:0.95" (the highest threshold that
            reaches it).
        ece_bins: number of bins of equal width of the calibration error.
        min_group: a subgroup with fewer positive or fewer negative subjects is suppressed.
        age_bands: first year of each age band but the youngest, rising.
        subgroups: columns of the sample table; ``age`` is cut into bands.
    """

    metric: str = "auroc"
    replicates: int = 2000
    confidence: float = 0.95
    seed: int = 0
    threshold: str = "youden"
    ece_bins: int = 10
    min_group: int = 10
    age_bands: tuple[float, ...] = (40.0, 65.0, 80.0)
    subgroups: tuple[str, ...] = ("sex", "age", "site")

    def __post_init__(self) -> None:
        object.__setattr__(self, "age_bands", tuple(self.age_bands))
        object.__setattr__(self, "subgroups", tuple(self.subgroups))
        if not 0.5 <= self.confidence < 1:
            raise InputError(
                f"confidence is {self.confidence}",
                where="evidence.confidence",
                remedy="Give a share below 1, such as 0.95",
            )
        if not self.age_bands or list(self.age_bands) != sorted(set(self.age_bands)):
            raise InputError(
                f"age bands are {list(self.age_bands)}",
                where="evidence.age_bands",
                remedy="Give rising ages, such as 40, 65, 80",
            )
        for name in ("replicates", "ece_bins", "min_group"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise InputError(
                    f"{name} is {getattr(self, name)}",
                    where=f"evidence.{name}",
                    remedy="Give a whole number of 1 or more",
                )
        parse_rule(str(self.threshold))
