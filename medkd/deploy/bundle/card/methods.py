"""Items 1 to 18 of the card: the question, the participants and the methods."""

from __future__ import annotations

from typing import Any

from medkd.data.core.modality import AUGMENTATION
from medkd.deploy.bundle.card.card_schema import Card
from medkd.deploy.bundle.card.formatting import Content, Table, joined, metric_name, percent
from medkd.evidence.calibration.conformal import VALUES

PROTOCOLS = {
    "holdout": "A fifth of the subjects was held out as the test part",
    "official": "The data set's official folds were kept: its test part is the test part",
}
RULES = {
    "youden": "where sensitivity + specificity is largest",
    "f1": "where F1 is largest",
}


def title(card: Card) -> Content:
    """1: the title."""
    return [
        f"{card.task}: development and internal validation of a model that predicts {outcomes(card)} from {card.view}."
    ], []


def context(card: Card) -> Content:
    """3a: the purpose that the recipe states."""
    return _stated(card.purpose)


def intended_use(card: Card) -> Content:
    """3b: the intended use."""
    hour = card.prediction_hour
    when = "" if hour is None else f", {_moment(hour)}"
    return [
        card.intended_use,
        f"It reads {card.view} and gives {gives(card)}{when}. "
        "For whom, and by whom it is used, the run does not state.",
    ], []


def objective(card: Card) -> Content:
    """4: the question."""
    teacher = card.teacher_view or "more"
    return [
        f"Whether a model that sees only {card.view}, taught by one that sees {teacher}, predicts {outcomes(card)} "
        "better than the same model trained alone. Development and internal validation; no external validation."
    ], []


def source(card: Card) -> Content:
    """5a: the cohort."""
    licence = f", licence {card.cohort.licence}" if card.cohort.licence else ""
    digest = card.provenance.get("data_sha256")
    return [
        f"Cohort {card.cohort.name}{licence}.",
        *([f"Prepared values have the sha256 {digest}."] if digest else []),
    ], []


def setting(card: Card) -> Content:
    """6a: the number of sites."""
    sites = card.participants.get("sites")
    return _stated(f"{sites} sites are distinguished in the data." if sites else "")


def eligibility(card: Card) -> Content:
    """6b: the samples that the cohort's reader takes."""
    return _stated(
        "Every sample that the cohort's published tables hold, less the exclusions that item 20a counts."
        if card.flow
        else ""
    )


def preparation(card: Card) -> Content:
    """7: from files to arrays."""
    rows = [
        (name, joined(f"{key} records: {value}" for key, value in policy.items()))
        for name, policy in card.length.items()
        if policy
    ]
    aside = Table.of(("value set aside", "values"), ((row.reason, row.count) for row in card.aside if row.count))
    absent = [f"{row.reason}." for row in card.aside if not row.count]
    lines = [
        "The same code prepares records in training and in use; preprocess.yaml holds all of its settings.",
        *absent,
    ]
    return lines, [Table.of(("input", "records of another length"), rows), aside]


def outcome(card: Card) -> Content:
    """8a: the label."""
    target, hour = card.target, card.prediction_hour
    units = f", in {target.units}" if target.units else ""
    lines = [
        f"{target.key} ({target.kind}{units}): {joined(target.names)}.",
        f"Label rule: {target.rule or 'not stated'}.",
    ]
    return [*lines, *([f"Predicted {_moment(hour)}; nothing later is seen."] if hour is not None else [])], []


def predictors(card: Card) -> Content:
    """9a: the view."""
    teacher = f"; in training a teacher saw {card.teacher_view}" if card.teacher_view else ""
    return [
        f"All that the recipe's view names: {card.view}{teacher}. "
        "No predictor was chosen by its relation to the outcome."
    ], []


def definitions(card: Card) -> Content:
    """9b: each input; settings of augmentation, and empty ones, are not shown."""

    def shown(key: str, value: Any) -> bool:
        return not key.startswith(AUGMENTATION) and value not in ("", [], None)

    rows = [
        (
            row.part,
            row.class_path.rpartition(".")[2],
            " x ".join(map(str, row.shape)),
            joined(f"{key} {_plain(value)}" for key, value in row.settings.items() if shown(key, value)),
        )
        for row in card.modalities
    ]
    return [], [Table.of(("input", "read as", "prepared shape", "settings"), rows)]


def sample_size(card: Card) -> Content:
    """10: none was calculated."""
    return ["All eligible samples were used; no sample size was calculated beforehand."], []


def missing(card: Card) -> Content:
    """11: absent inputs and labels."""
    if not card.modalities:
        return [], []
    partial = [row.part for row in card.modalities if row.may_be_unobserved]
    whole = [row.part for row in card.modalities if not row.may_be_unobserved]
    lines = [f"A record without a usable {name} is set aside." for name in whole]
    lines += [
        f"Cells of {name} that were not observed stay empty, and the model is told which they are; "
        "with none at all the record is set aside."
        for name in partial
    ]
    unlabelled = card.participants.get("unlabelled")
    return [*lines, *([f"{unlabelled} samples have no label; they are in no figure."] if unlabelled else [])], []


def division(card: Card) -> Content:
    """12a: protocol and leak audit."""
    protocol, n = str(card.protocol), card.n
    folds = protocol.partition(":")[2]
    how = (
        f"{folds}-fold cross-validation: each subject is tested once a seed"
        if folds
        else PROTOCOLS.get(protocol, protocol)
    )
    seeds = f", repeated with {n['seeds']} seeds" if (n.get("seeds") or 0) > 1 else ""
    audit = [f"{'passed' if check.passed else 'FAILED'}: {check.check}" for check in card.leak_audit]
    inner = "the official validation part" if protocol == "official" else "a quarter of the training subjects"
    lines = [f"{how}{seeds}. Subjects, not samples, are divided; {inner} is the inner validation."]
    return [*lines, "Leak audit:" if audit else "Leak audit: None was made.", *(f"- {check}" for check in audit)], []


def handling(card: Card) -> Content:
    """12b: normalisation."""
    rows = [
        (row.part, "by training samples' mean and deviation" if row.standardised else "no") for row in card.modalities
    ]
    return [], [Table.of(("input", "standardised"), rows)]


def making(card: Card) -> Content:
    """12c: network, teacher, labels."""
    fraction = card.label_fraction
    labelled = (
        f" {percent(fraction)} of the training subjects kept their label."
        if isinstance(fraction, int | float) and fraction < 1
        else ""
    )
    network = f"The model is {card.network}. " if card.network else ""
    teacher = card.teacher_view or "more"
    return [
        f"{network}It learnt from the labels and from the out-of-fold predictions of a teacher that sees {teacher}."
        f"{labelled}",
        "The deployed weights come from a last fit on all subjects by the same procedure.",
    ], []


def centres(card: Card) -> Content:
    """12d: sites."""
    return _stated(
        "Each site was measured as a subgroup (item 23b); sites are mixed in every fold." if _sites(card) else ""
    )


def measures(card: Card) -> Content:
    """12e: metrics and intervals."""
    settings, names = card.settings, joined(map(metric_name, card.student_metrics))
    if not names:
        return [], []
    interval = (
        f"{100 * settings.get('confidence', 0.95):g} % intervals from {settings['replicates']} bootstrap replicates"
        if settings.get("replicates")
        else "Intervals"
    )
    return [
        f"{names}. {interval} resample test subjects within folds, paired between arms; "
        f"{card.metric_title} decides the verdict."
    ], []


def updating(card: Card) -> Content:
    """12f: none."""
    return ["None: whatever was calibrated comes from inner validation, not from test data."], []


def evaluation(card: Card) -> Content:
    """12g: the model that scored each sample."""
    calibrated = "" if card.target.kind in VALUES else ", with that fit's own temperature and thresholds"
    return [f"Each test sample was scored by a model that had not seen its subject{calibrated}."], []


def imbalance(card: Card) -> Content:
    """13: shares and rule."""
    rows = [
        (name, row.get("with"), row.get("without"))
        for name, row in card.participants.get("outcomes", {}).items()
        if "with" in row
    ]
    return [], [Table.of(("outcome", "subjects with", "subjects without"), rows)]


def fairness(card: Card) -> Content:
    """14: subgroups."""
    looked = list(dict.fromkeys(row.by for row in card.subgroups))
    least = card.settings.get("min_group")
    few = f" Groups with fewer than {least} subjects of either outcome are not shown." if least else ""
    return _stated(
        f"Performance was measured by {joined(looked)}.{few} Nothing was done to make groups alike." if looked else ""
    )


def output(card: Card) -> Content:
    """15: probability, threshold, set."""
    calibration = card.calibration
    rule = str(calibration["operating_point"].get("chosen_for", ""))
    name, _, wanted = rule.partition(":")
    chosen = (
        f"the highest that reaches a sensitivity of {wanted}"
        if name == "sensitivity" and wanted
        else RULES.get(rule, rule)
    )
    temperature = "" if card.target.kind in VALUES else f" Temperature {calibration['temperature']:.3f}."
    lines = [f"It gives {gives(card)}.{temperature} Calibrated on {calibration['obtained'] or 'what is not stated'}."]
    rows = [(key, value) for key, value in calibration["threshold"].items() if value is not None]
    points = [(key, value) for key, value in calibration["operating_point"].items() if key != "chosen_for"]
    lines += [f"Threshold, on the calibrated probability: {chosen}."] if rows and chosen else []
    tables = [
        Table.of(("class", "threshold (calibrated probability)"), rows),
        Table.of(("operating point", "value"), points),
    ]
    if sets := calibration.get("conformal"):
        of_each = "" if card.target.kind in VALUES else " of each class"
        lines += [
            f"Each prediction has a conformal set, made to hold the truth in at least {percent(sets['coverage'])} "
            f"of items{of_each} that are like those here; where it leaves everything open the model abstains.",
        ]
        counts = sets["subjects"]
        quantiles = (
            (key, part, value, counts[key][part])
            for key, row in sets["quantiles"].items()
            for part, value in row.items()
        )
        caption = "Quantiles of the sets (none: too few subjects, so that this answer is in every set)"
        tables.append(Table.of(("class", "answer", "quantile", "subjects"), quantiles, caption))
    return lines, tables


def differences(card: Card) -> Content:
    """16: none, by design."""
    return ["None by design: both come from the same cohort, with the same eligibility, outcome and predictors."], []


def data_sharing(card: Card) -> Content:
    """18e: of the cohort."""
    return _stated(f"As the cohort's publisher says; licence {card.cohort.licence}." if card.cohort.licence else "")


def code_sharing(card: Card) -> Content:
    """18f: command, versions, digests."""
    return [], [Table.of(("provenance", "value"), ((key, value) for key, value in card.provenance.items() if value))]


def outcomes(card: Card) -> str:
    """The outcome in words."""
    return joined(card.target.names)


def gives(card: Card) -> str:
    """The output in words."""
    if card.target.kind in VALUES:
        return f"a value of {outcomes(card)}" + (f" in {card.target.units}" if card.target.units else "")
    return f"a calibrated probability of {outcomes(card)}"


def _moment(hour: float) -> str:
    return "at a sample's time zero" if hour == 0 else f"at hour {hour:g} after a sample's time zero"


def _sites(card: Card) -> bool:
    return any(row.by == "site" for row in card.subgroups)


def _stated(text: str) -> Content:
    return ([text] if text else []), []


def _plain(value: Any) -> str:
    return (
        "/".join(map(_plain, value))
        if isinstance(value, list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
