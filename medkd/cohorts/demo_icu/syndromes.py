"""Syndromes of synthetic stays: effects on vital signs and laboratory values, codes, and phrases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Syndrome:
    """One syndrome and its effects at severity 1.

    Args:
        prevalence: share of stays.
        risk: addition to the log-odds of death.
        vitals, labs: change of each variable, in that variable's spread between people.
        icd9, icd10: codes; the first is always given, each other with a probability of 0.35.
        words: phrases of radiology reports and summaries.
    """

    prevalence: float
    risk: float
    vitals: Mapping[str, float]
    labs: Mapping[str, float]
    icd9: tuple[str, ...]
    icd10: tuple[str, ...]
    words: tuple[str, ...]


SYNDROMES = {
    "sepsis": Syndrome(
        0.25,
        0.6,
        {"heart_rate": 0.9, "temperature": 1.0, "resp_rate": 0.6, "sbp": -0.4},
        {"wbc": 1.2, "lactate": 0.8, "platelets": -0.6},
        ("99592", "0389", "78552"),
        ("A419", "R6520", "R6521"),
        (
            "multifocal opacities concerning for infection",
            "septic picture",
            "blood cultures are growing gram negative rods",
        ),
    ),
    "heart_failure": Syndrome(
        0.25,
        0.3,
        {"heart_rate": 0.4, "resp_rate": 0.5, "spo2": -0.6},
        {"bun": 0.6, "sodium": -0.6, "troponin_t": 0.7},
        ("4280", "42823", "42833"),
        ("I509", "I5023", "I5033"),
        (
            "cardiomegaly with pulmonary edema",
            "bilateral pleural effusions, vascular congestion",
            "reduced ejection fraction",
        ),
    ),
    "kidney_failure": Syndrome(
        0.2,
        0.4,
        {"sbp": 0.3},
        {"creatinine": 1.5, "bun": 1.3, "potassium": 0.9, "bicarbonate": -0.8},
        ("5849", "5845", "5856"),
        ("N179", "N170", "N186"),
        (
            "echogenic kidneys",
            "oliguric overnight, renal consulted",
            "hydronephrosis is not seen, medical renal disease",
        ),
    ),
    "lung_failure": Syndrome(
        0.25,
        0.4,
        {"resp_rate": 1.0, "spo2": -1.0, "heart_rate": 0.3},
        {"bicarbonate": 0.6, "hemoglobin": 0.3},
        ("51881", "49121", "486"),
        ("J9601", "J441", "J189"),
        (
            "hyperinflated lungs with basilar consolidation",
            "endotracheal tube in standard position",
            "worsening airspace disease",
        ),
    ),
    "bleeding": Syndrome(
        0.12,
        0.2,
        {"heart_rate": 0.8, "sbp": -0.6},
        {"hemoglobin": -1.5, "bun": 0.5, "platelets": -0.4},
        ("5789", "53140", "2851"),
        ("K922", "K254", "D62"),
        ("active extravasation", "melena, transfused packed cells", "endoscopy planned for upper bleeding"),
    ),
    "liver_failure": Syndrome(
        0.1,
        0.5,
        {"sbp": -0.3},
        {"bilirubin": 1.8, "albumin": -1.0, "platelets": -0.9, "sodium": -0.5},
        ("5715", "5722", "7895"),
        ("K7460", "K7290", "R188"),
        ("nodular liver with ascites", "asterixis, lactulose given", "splenomegaly and varices"),
    ),
}
BACKGROUND = {
    9: ("4019", "25000", "2724", "41401", "53081", "2449", "311", "V5861", "27651", "30500", "E8889", "42731"),
    10: ("I10", "E119", "E785", "I2510", "K219", "E039", "F329", "Z7901", "E860", "F1010", "W19XXXA", "I4891"),
}
"""Codes unrelated to the outcome, by the version of ICD."""
GRAVE = {9: ("78551", "4275", "51851"), 10: ("R570", "I469", "J9501")}
"""Codes of the most severely ill, by the version of ICD."""


@dataclass(frozen=True)
class MeasuredVariable:
    """A charted or measured variable and its distribution.

    Args:
        item: its itemid.
        label: label of that item.
        unit: in which it is published.
        centre: mean over healthy stays.
        spread: standard deviation between people, in that unit, or of the logarithm.
        acuity: change per unit of acuity, in spreads.
        log: centre and spread are of the logarithm.
        digits: decimals of the published number.
        high: upper limit of published numbers.
    """

    item: int
    label: str
    unit: str
    centre: float
    spread: float
    acuity: float
    log: bool = field(default=False)
    digits: int = 0
    high: float = float("inf")


VITALS = {
    "heart_rate": MeasuredVariable(220045, "Heart Rate", "bpm", 84, 13, 0.6),
    "sbp": MeasuredVariable(220179, "Non Invasive Blood Pressure systolic", "mmHg", 122, 16, -0.7),
    "dbp": MeasuredVariable(220180, "Non Invasive Blood Pressure diastolic", "mmHg", 64, 10, -0.4),
    "resp_rate": MeasuredVariable(220210, "Respiratory Rate", "insp/min", 18.5, 3.2, 0.6),
    "spo2": MeasuredVariable(220277, "O2 saturation pulseoxymetry", "%", 96.5, 1.5, -0.4, high=100),
    "temperature": MeasuredVariable(223761, "Temperature Fahrenheit", "°F", 98.4, 0.8, 0.0, digits=1),
}
LABS = {
    "lactate": MeasuredVariable(50813, "Lactate", "mmol/L", 0.6, 0.4, 1.0, log=True, digits=1),
    "creatinine": MeasuredVariable(50912, "Creatinine", "mg/dL", 0.1, 0.45, 0.4, log=True, digits=1),
    "bun": MeasuredVariable(51006, "Urea Nitrogen", "mg/dL", 3.0, 0.45, 0.6, log=True),
    "wbc": MeasuredVariable(51301, "White Blood Cells", "K/uL", 2.3, 0.35, 0.4, log=True, digits=1),
    "platelets": MeasuredVariable(51265, "Platelet Count", "K/uL", 5.3, 0.35, -0.4, log=True),
    "bicarbonate": MeasuredVariable(50882, "Bicarbonate", "mEq/L", 24.5, 3.2, -0.9),
    "sodium": MeasuredVariable(50983, "Sodium", "mEq/L", 139, 3.8, 0.0),
    "potassium": MeasuredVariable(50971, "Potassium", "mEq/L", 4.1, 0.45, 0.2, digits=1),
    "glucose": MeasuredVariable(50931, "Glucose", "mg/dL", 4.85, 0.25, 0.2, log=True),
    "hemoglobin": MeasuredVariable(51222, "Hemoglobin", "g/dL", 10.8, 1.6, -0.2, digits=1),
    "bilirubin": MeasuredVariable(50885, "Bilirubin, Total", "mg/dL", -0.4, 0.6, 0.3, log=True, digits=1),
    "albumin": MeasuredVariable(50862, "Albumin", "g/dL", 3.3, 0.5, -0.7, digits=1),
    "troponin_t": MeasuredVariable(51003, "Troponin T", "ng/mL", -3.2, 0.9, 0.3, log=True, digits=2),
}
