"""The input-drift reference knows the training samples' kind, sees what is not of it, and is quick."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from medkd.data.core.view import Part, View
from medkd.data.io.document import parse_document
from medkd.data.loading.statistics import Statistics
from medkd.data.loading.store import Prepared
from medkd.deploy.bundle.drift import Drift, DriftDocument
from medkd.deploy.bundle.drift_summaries import CHANNELS, Summaries
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.errors import InputError
from medkd.modalities.codes import Codes
from medkd.modalities.ecg import ECG
from medkd.modalities.notes import Notes
from medkd.modalities.vitals import Vitals


def read(document: dict[str, Any], preprocessing: Preprocessing) -> Drift:
    return Drift.from_document(parse_document(DriftDocument, document, "drift.json"), preprocessing, "drift.json")


Stored = tuple[Preprocessing, dict[str, Prepared], list[str]]


def stored(view: str, modality: Any, values: np.ndarray[Any, Any], folder: Path = Path()) -> Stored:
    """What a run has of its training samples, with statistics as it fits them."""
    ids = [f"s{row}" for row in range(len(values))]
    index = pl.DataFrame({"sample_id": ids, "status": "ok", "reason": ""})
    name = View.parse(view).parts[0].modality
    statistics = Statistics.fit(
        values, np.arange(len(values)), "", (), aligned=modality.traits.aligned, measured=modality.traits.measured
    )
    return (
        Preprocessing(View.parse(view), {name: modality}, {name: statistics}),
        {name: Prepared(folder, values, index, "")},
        ids,
    )


def normalised(preprocessing: Preprocessing, values: Mapping[str, np.ndarray[Any, Any]]) -> list[dict[str, Any]]:
    import torch

    name, held = next(iter(values.items()))
    ready = preprocessing.statistics[name].apply(torch.from_numpy(np.asarray(held, np.float32))).numpy()
    return [{name: sample[None]} for sample in ready]


@pytest.fixture(scope="module")
def recordings(shared: Path) -> np.ndarray[Any, Any]:
    """Lead I of 300 real recordings, 10 s at 100 Hz, in mV."""
    root, ecg = shared / "data" / "ecg" / "brugada-huca", ECG(seconds=10.0)
    names = sorted(path.name for path in (root / "files").iterdir())[:300]
    rows = [{"ecg": f"files/{name}/{name}"} for name in names]
    return np.stack([ecg.prepare(ecg.select(ecg.read(row, root), Part("ecg", ("I",)))) for row in rows])


@pytest.fixture(scope="module")
def reference(recordings: np.ndarray[Any, Any]) -> tuple[Preprocessing, Drift]:
    preprocessing, held, ids = stored("ecg[I]", ECG(seconds=10.0), recordings[:200])
    return preprocessing, Drift.fit(preprocessing, held, ids)


def test_real_recordings_are_at_home_and_spoilt_ones_are_not(
    recordings: np.ndarray[Any, Any], reference: tuple[Preprocessing, Drift]
) -> None:
    preprocessing, drift = reference
    rng = np.random.default_rng(0)
    others = recordings[200:]

    def flagged(values: np.ndarray[Any, Any]) -> float:
        return float(np.mean([drift.distance(sample) > 1 for sample in normalised(preprocessing, {"ecg": values})]))

    assert flagged(others) <= 0.05
    assert np.mean(drift.distances(drift.summaries(normalised(preprocessing, {"ecg": recordings[:200]}))) > 1) <= 0.02
    assert flagged(others * 1000) == 1  # microvolts taken for millivolts
    assert flagged(others / 1000) == 1
    assert flagged(np.full_like(others, 0.1)) == 1  # an electrode that fell off
    assert flagged(rng.standard_normal(others.shape) * others.std()) > 0.9  # noise of the same size
    assert flagged(others + 5) == 1


def test_a_recording_is_measured_quickly(
    recordings: np.ndarray[Any, Any], reference: tuple[Preprocessing, Drift]
) -> None:
    preprocessing, drift = reference
    sample = normalised(preprocessing, {"ecg": recordings[:1]})[0]
    assert sample["ecg"].shape == (1, 1, 1000)
    times = []
    for _ in range(200):
        begun = time.perf_counter()
        drift.distance(sample)
        times.append(time.perf_counter() - begun)
    assert np.median(times) < 0.0003


def test_it_is_read_as_it_was_written_and_holds_no_sample(
    recordings: np.ndarray[Any, Any], reference: tuple[Preprocessing, Drift]
) -> None:
    preprocessing, drift = reference
    text = json.dumps(drift.to_dict(), allow_nan=False)
    again = read(json.loads(text), preprocessing)
    for sample in normalised(preprocessing, {"ecg": recordings[200:210]}):
        assert again.distance(sample) == drift.distance(sample)
    assert "s17" not in text
    assert drift.names == tuple(f"ecg/I/{kind}" for kind in ("mean", "std", "min", "max", "observed", "roughness"))


def test_windows_of_one_record_count_as_their_mean(
    recordings: np.ndarray[Any, Any], reference: tuple[Preprocessing, Drift]
) -> None:
    preprocessing, drift = reference
    each = normalised(preprocessing, {"ecg": recordings[200:203]})
    together = {"ecg": np.concatenate([sample["ecg"] for sample in each])}
    assert np.allclose(drift.summaries([together])[0], drift.summaries(each).mean(axis=0))


def test_stability_index_tells_the_same_from_another_population(
    recordings: np.ndarray[Any, Any], reference: tuple[Preprocessing, Drift]
) -> None:
    preprocessing, drift = reference
    same = drift.psi(drift.summaries(normalised(preprocessing, {"ecg": recordings[:200]})))
    assert max(same.values()) < 0.02
    louder = drift.psi(drift.summaries(normalised(preprocessing, {"ecg": recordings[:200] * 2})))
    assert louder["ecg/I/std"] > 0.25 > louder["ecg/I/observed"]


def _vitals(n: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """12 correlated variables, half of the cells not observed, and one variable never."""
    level = rng.standard_normal((n, 12, 1)) * 10 + 80
    values = level + np.cumsum(rng.standard_normal((n, 12, 48)), axis=2)
    values[rng.random(values.shape) < 0.5] = np.nan
    values[:, 3] = np.nan
    return values.astype(np.float32)


def test_unobserved_cells_are_no_drift_and_their_share_is() -> None:
    rng = np.random.default_rng(1)
    names = tuple(Vitals.table())[:12]
    view, modality = f"vitals[{','.join(names)},0:48h]", Vitals(hours=48.0)
    preprocessing, held, ids = stored(view, modality, _vitals(600, rng))
    drift = Drift.fit(preprocessing, held, ids)
    assert len(json.dumps(drift.to_dict(), indent=1)) < 100_000
    assert len(drift.names) == 72
    new = _vitals(400, rng)
    found = drift.distances(drift.summaries(normalised(preprocessing, {"vitals": new})))
    assert np.isfinite(found).all()
    assert (found > 1).mean() < 0.04
    nothing = np.full_like(new[:1], np.nan)
    seen = new.copy()
    seen[:, 3] = 80.0
    for strange in (nothing, seen):
        assert all(drift.distance(sample) > 1 for sample in normalised(preprocessing, {"vitals": strange}))
    assert all(
        key.split("/")[2] == "observed"
        for key in drift.psi(drift.summaries(normalised(preprocessing, {"vitals": nothing})))
    )


def test_token_ids_and_indicators_are_described_by_how_many_there_are() -> None:
    rng = np.random.default_rng(2)
    notes = Notes()
    chunks, length = notes.shape(Part("notes"))
    ids = np.full((100, chunks, length), np.nan, np.float32)
    for row in ids:
        count = int(rng.integers(length // 2, length))
        row[0, :count] = rng.integers(1, 5000, count)
    preprocessing, held, names = stored("notes", notes, ids)
    drift = Drift.fit(preprocessing, held, names)
    assert drift.names == ("notes/all/filled", "notes/all/distinct")
    repeated = np.where(np.isnan(ids[:1]), np.nan, 7)
    assert drift.distance({"notes": ids[5:6]}) < 1 < drift.distance({"notes": repeated.astype(np.float32)})
    flat = Summaries.of(Codes(), Part("codes"))
    assert flat.names == ("codes/all/filled", "codes/all/distinct")
    assert flat.take(np.array([[0.0] * 10 + [1.0] * (flat.shape[0] - 10)], np.float32)).tolist() == [
        [(flat.shape[0] - 10) / flat.shape[0], 2 / flat.shape[0]]
    ]


def test_many_channels_are_described_as_one_and_many_summaries_one_by_one() -> None:
    class Genes(ECG):
        def shape(self, part: Part) -> tuple[int, ...]:
            return (CHANNELS + 1, 3)

    class Leads(ECG):
        def shape(self, part: Part) -> tuple[int, ...]:
            return (CHANNELS, 5)

    assert Summaries.of(Genes(), Part("ecg")).channels == ("all",)
    values = np.random.default_rng(3).standard_normal((80, CHANNELS, 5)).astype(np.float32)
    preprocessing, held, ids = stored("ecg", Leads(), values)
    drift = Drift.fit(preprocessing, held, ids)
    assert len(drift.names) == 6 * CHANNELS
    assert drift.reference.whitening is None
    assert len(json.dumps(drift.to_dict(), indent=1)) < 200_000
    far = normalised(preprocessing, {"ecg": values[:1] * 4})[0]
    assert drift.distance(normalised(preprocessing, {"ecg": values[:1]})[0]) < 1.1 < drift.distance(far)


def test_of_very_many_samples_some_are_enough(
    recordings: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    preprocessing, held, ids = stored("ecg[I]", ECG(seconds=10.0), recordings)
    monkeypatch.setattr("medkd.deploy.bundle.drift.MOST", 160)
    drift = Drift.fit(preprocessing, held, ids)
    assert drift.samples == 150
    assert drift.to_dict() == Drift.fit(preprocessing, held, ids[::2]).to_dict()


def test_another_spelling_of_the_channels_is_no_other_input(reference: tuple[Preprocessing, Drift]) -> None:
    preprocessing, drift = reference
    document = drift.to_dict()
    document["inputs"][0]["channels"] = ["lead one"]
    assert read(document, preprocessing).names[0] == "ecg/lead one/mean"


def test_too_few_samples_make_no_reference(recordings: np.ndarray[Any, Any]) -> None:
    preprocessing, held, ids = stored("ecg[I]", ECG(seconds=10.0), recordings[:19])
    with pytest.raises(InputError, match="19 training samples"):
        Drift.fit(preprocessing, held, ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bound": 0.0}, "bound is 0.0 .*greater than 0"),
        ({"bound": "1"}, "bound is '1' .*a valid number"),
        ({"scale": [0.0] * 6}, "scale.0 is 0.0 .*greater than 0"),
        ({"centre": [0.0] * 5}, "does not hold 6 numbers"),
        ({"centre": [float("nan")] * 6}, "centre.0 is nan"),
        ({"edges": "many"}, "edges is 'many'"),
        ({"edges": [[1.0] * 8] * 6}, "does not hold 6 x 9 numbers"),
        ({"whitening": [[1.0]] * 5}, "does not hold 6 x 6 numbers"),
        ({"whitening": [1.0] * 6}, "whitening.0 is 1.0"),
        ({"inputs": []}, "not those of preprocess"),
        ({"inputs": [{"modality": "ecg"}]}, "no 'inputs.0.shape'"),
        (
            {"inputs": [{"modality": "ecg", "shape": [3, 500], "channels": ["I", "II"], "measured": True}]},
            "inputs.0.channels is .*one name, or 3",
        ),
        (
            {"inputs": [{"modality": "ecg", "shape": [1, 500], "channels": ["I"], "measured": True}]},
            "not those of preprocess",
        ),
    ],
)
def test_a_reference_that_cannot_be_used_is_refused(
    reference: tuple[Preprocessing, Drift], change: dict[str, Any], message: str
) -> None:
    preprocessing, drift = reference
    with pytest.raises(InputError, match=message):
        read({**drift.to_dict(), **change}, preprocessing)
