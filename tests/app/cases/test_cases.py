"""Cases: scored, or set aside with a reason, shown as recorded; labels are kept apart."""

from __future__ import annotations

import stat
import tarfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from medkd import registry
from medkd.app.cases.cases import SEEN_IN_TRAINING, Cases, open_cases
from medkd.app.cases.source import find_source
from medkd.data.core.display import Strip, Trend
from medkd.data.core.modality import Modality
from medkd.data.core.target import Target
from medkd.data.core.view import View
from medkd.data.loading.statistics import Statistics
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.calibration import Calibration
from medkd.deploy.bundle.preprocessing import Preprocessing
from medkd.deploy.inference.items import find_items
from medkd.deploy.inference.plan import PARQUET, QUARANTINE
from medkd.deploy.inference.predict import predict
from medkd.deploy.inference.predictions import escape_formulas
from medkd.errors import InputError, RecordError
from medkd.modalities.ecg import ECG
from medkd.modalities.vitals import Vitals
from medkd.networks.network import Network
from medkd.networks.resnet1d import ResNet1d
from medkd.networks.summary import SUMMARIES
from medkd.networks.summary_network import SummaryNetwork

DIED = Target("mortality_24h", "binary", ("died",), ("death in hospital",), prediction_hour=24)


CD = Target("CD", "binary", ("CD",))


def bundle_of(network: Network, view: str, modality: Modality, target: Target) -> Bundle:
    """With random weights, never written."""
    parsed = View.parse(view)
    channels = modality.shape(parsed.parts[0])[0]
    statistics = {modality.name: Statistics((0.0,) * channels, (1.0,) * channels, 1, "", ())}
    calibration = Calibration.from_dict({"temperature": 1.0, "threshold": 0.5}, target.names, "test")
    frozen = network.eval().requires_grad_(False)
    return Bundle(
        frozen, target, Preprocessing(parsed, {modality.name: modality}, statistics), calibration, "model", "bundle"
    )


@pytest.fixture(scope="module")
def ecg_bundle() -> Bundle:
    torch.manual_seed(0)
    return bundle_of(ResNet1d(channels=1, outputs=1), "ecg[I]", ECG(), CD)


@pytest.fixture(scope="module")
def vitals_bundle() -> Bundle:
    torch.manual_seed(0)
    vitals = Vitals()
    return bundle_of(SummaryNetwork(len(vitals.table()) * len(SUMMARIES), 1), "vitals[0:24h]", vitals, DIED)


def written(
    folder: Path,
    scores: dict[str, float],
    target: Target,
    aside: dict[str, str] | None = None,
    sets: list[str] | None = None,
) -> Path:
    """A finished folder of ``medkd predict``, as docs/deploy.md describes it."""
    folder.mkdir(parents=True)
    name = target.names[0]
    values = np.array(list(scores.values()))
    table = pl.DataFrame(
        {
            "sample_id": list(scores),
            f"p_{name}": values,
            f"p_cal_{name}": values,
            "set": pl.Series(sets or [None] * len(scores), dtype=pl.String),
            "drift": np.linspace(0, 2, len(scores)),
            "model_sha256": "model",
            "seconds": 0.0,
            "status": "ok",
        }
    )
    table.write_parquet(folder / PARQUET)
    held = pl.DataFrame(list((aside or {}).items()), schema={"item": pl.String, "reason": pl.String}, orient="row")
    escape_formulas(held).write_csv(folder / QUARANTINE)
    return folder


@pytest.fixture(scope="module")
def records(ecg_bundle: Bundle, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Cases:
    """Four real records and a broken one, in a folder."""
    folder = tmp_path_factory.mktemp("ward")
    root = shared / "data" / "ecg" / "brugada-huca"
    found = [root / name for name in ECG().find(root)[:4]]
    for path in found:
        for part in path.parent.glob(f"{path.name}.*"):
            (folder / part.name).write_bytes(part.read_bytes())
    (folder / "=broken.hea").write_text("=broken 1 100 1000\n=broken.dat 16 200 16 0 0 0 0 I\n")
    scores = {path.name: 0.2 * place for place, path in enumerate(found)}
    aside = {"=broken": "no file =broken.dat beside =broken.hea"}
    done = written(tmp_path_factory.mktemp("scored") / "run", scores, CD, aside, ["CD", "not CD", "abstains", "not CD"])
    return open_cases(Path("none"), ecg_bundle, folder, tmp_path_factory.mktemp("viewer"), done)


class TestRecords:
    def test_all_are_listed_and_the_broken_one_with_its_reason(self, records: Cases) -> None:
        assert records.table["case"].to_list() == [1, 2, 3, 4, 5]
        assert records.table["status"].to_list().count("ok") == 4
        broken = records.table.row(by_predicate=pl.col("sample_id") == "=broken", named=True)
        assert broken["status"] == "set aside"
        assert broken["p_cal_CD"] is None
        assert broken["uncertainty"] is None
        # Not every account that sees the list may see names.
        assert "broken" not in broken["reason"]
        assert "no file" in broken["reason"]
        assert broken["pseudonym"] in broken["reason"]

    def test_one_is_shown_with_all_its_leads_and_explained(self, records: Cases) -> None:
        case = records.table.filter(pl.col("status") == "ok")["case"][0]
        (strip,) = records.display(case)
        assert isinstance(strip, Strip)
        assert len(strip.leads) == 12
        found = records.attribution(case, "CD")
        assert found.values["ecg"].shape == (1, 1, 1000)

    def test_what_cannot_be_read_says_so_without_its_name(self, records: Cases) -> None:
        case = records.table.row(by_predicate=pl.col("sample_id") == "=broken", named=True)["case"]
        for act in (records.display, lambda number: records.attribution(number, "CD")):
            with pytest.raises(RecordError) as caught:
                act(case)
            assert "broken" not in str(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__context__ is None

    def test_of_a_folder_nothing_is_known_and_nothing_need_be_said(self, records: Cases) -> None:
        assert records.truth(1) == {"CD": None}
        assert records.remark == ""
        assert not [name for name in records.table.columns if name.startswith(("truth", "teacher", "student"))]
        with pytest.raises(InputError, match="no case 6"):
            records.row(6)

    def test_predictions_of_another_model_or_none_at_all_are_refused(
        self, records: Cases, ecg_bundle: Bundle, tmp_path: Path
    ) -> None:
        root = records.source.items.root
        other = written(tmp_path / "other", {"1": 0.5}, CD)
        changed = pl.read_parquet(other / PARQUET).with_columns(pl.lit("another").alias("model_sha256"))
        changed.write_parquet(other / PARQUET)
        with pytest.raises(InputError, match="another model's"):
            open_cases(Path("none"), ecg_bundle, root, tmp_path / "data", other)
        with pytest.raises(InputError, match=r"no such file: predictions\.parquet"):
            open_cases(Path("none"), ecg_bundle, root, tmp_path / "data", tmp_path)

    def test_what_was_not_scored_is_listed_as_such(self, records: Cases, ecg_bundle: Bundle, tmp_path: Path) -> None:
        part = written(tmp_path / "part", {"1036640": 0.5}, CD)
        found = open_cases(Path("none"), ecg_bundle, records.source.items.root, tmp_path / "data", part)
        assert set(found.table["status"]) <= {"not scored", "ok"}
        assert "not scored" in found.table["status"].to_list()


@pytest.fixture(scope="module")
def stays(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty real stays in the published layout."""
    root = tmp_path_factory.mktemp("cinc2012")
    published = shared / "data" / "icu" / "cinc2012"
    lines = (published / "Outcomes-a.txt").read_text().splitlines(keepends=True)[:61]
    (root / "Outcomes-a.txt").write_text("".join(lines))
    wanted = {line.partition(",")[0] for line in lines[1:]}
    (root / "set-a").mkdir()
    with tarfile.open(published / "set-a.tar.gz") as archive:
        for member in archive:
            if (name := Path(member.name)).stem in wanted and (content := archive.extractfile(member)):
                (root / "set-a" / name.name).write_bytes(content.read())
            if len(list((root / "set-a").iterdir())) == len(wanted):
                break
    return root


@pytest.fixture(scope="module")
def ward(vitals_bundle: Bundle, stays: Path, tmp_path_factory: pytest.TempPathFactory) -> Cases:
    names = find_items(stays, vitals_bundle.modalities, DIED.key, registry=registry).table["sample_id"]
    done = written(tmp_path_factory.mktemp("scored") / "run", dict.fromkeys(names, 0.3), DIED)
    return open_cases(Path("none"), vitals_bundle, stays, tmp_path_factory.mktemp("viewer"), done)


class TestEvents:
    def test_signals_are_copied_for_the_owner_alone_and_go_when_the_viewer_ends(
        self, vitals_bundle: Bundle, stays: Path, tmp_path: Path
    ) -> None:
        source = find_source(stays, vitals_bundle, tmp_path)
        assert source.signals is not None
        assert stat.S_IMODE(source.signals.stat().st_mode) == 0o700
        # What predict is given holds the same items.
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        manifest = source.predict_input(scratch, vitals_bundle.modalities)
        given = find_items(manifest, vitals_bundle.modalities, registry=registry)
        assert given.table.select("sample_id", "series", "vitals").equals(
            source.items.table.select("sample_id", "series", "vitals")
        )
        row = given.table.row(0, named=True)
        np.testing.assert_array_equal(
            vitals_bundle.prepare(row, given.root)["vitals"], vitals_bundle.prepare(row, source.items.root)["vitals"]
        )
        empty = pl.DataFrame()
        Cases(vitals_bundle, empty, source, None, "", lambda: empty).close()  # type: ignore[arg-type]
        assert not source.signals.exists()

    def test_what_came_after_the_prediction_is_shown_on_request_alone(self, ward: Cases) -> None:
        (before,), (later,) = ward.display(1), ward.display(1, later=True)
        assert isinstance(before, Trend)
        assert isinstance(later, Trend)
        assert before.hours.max() <= 24 < later.hours.max()
        assert before.span == (0.0, 24)

    def test_the_cohorts_labels_are_known_apart(self, ward: Cases, shared: Path) -> None:
        assert "died" not in ward.table.columns
        truths = ward.truths["truth_death in hospital"]
        assert 0 < truths.sum() < len(truths)
        assert ward.truth(3) == {"death in hospital": truths[2]}


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("viewer")


@pytest.fixture(scope="module")
def run_cases(fast_run: Path, viewer: Path) -> Cases:
    return open_cases(fast_run / "bundle", Bundle.load(fast_run / "bundle"), fast_run, viewer)


class TestRun:
    def test_the_runs_samples_are_scored_as_predict_does(
        self, run_cases: Cases, fast_run: Path, tmp_path: Path
    ) -> None:
        samples = pl.read_parquet(fast_run / "samples.parquet")
        assert run_cases.table["sample_id"].to_list() == samples["sample_id"].sort().to_list()
        predict(fast_run / "bundle", fast_run / "cohort", tmp_path / "out", registry=registry)
        scored = pl.read_parquet(tmp_path / "out" / PARQUET)
        column = next(name for name in scored.columns if name.startswith("p_cal_"))
        same = run_cases.table.select("sample_id", column).join(
            scored.select("sample_id", pl.col(column).alias("again")), on="sample_id"
        )
        assert same.height == samples.height
        assert same[column].to_list() == same["again"].to_list()

    def test_out_of_fold_scores_come_along_and_the_remark_says_why(self, run_cases: Cases, fast_run: Path) -> None:
        held = pl.read_parquet(fast_run / "test_predictions.parquet")
        held = held.filter(pl.col("label_fraction") == held["label_fraction"].max())
        name = held["sample"][0]
        row = run_cases.table.row(by_predicate=pl.col("sample_id") == name, named=True)
        for arm, column in (("teacher", "teacher"), ("student", "student_oof")):
            mine = held.filter((pl.col("sample") == name) & (pl.col("arm") == arm))["calibrated"]
            assert row[f"{column}_{held['class'][0]}"] == pytest.approx(mine.mean())
        unseen = run_cases.table.filter(~pl.col("sample_id").is_in(held["sample"].implode()))
        assert unseen[f"teacher_{held['class'][0]}"].null_count() == unseen.height
        assert run_cases.remark == SEEN_IN_TRAINING

    def test_opened_again_nothing_is_computed(
        self, run_cases: Cases, fast_run: Path, viewer: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("medkd.app.cases.cases.predict", None)
        assert open_cases(fast_run / "bundle", run_cases.bundle, fast_run, viewer).table.equals(run_cases.table)

    def test_truth_is_the_runs_own(self, run_cases: Cases, fast_run: Path) -> None:
        samples = pl.read_parquet(fast_run / "samples.parquet").sort("sample_id")
        column = run_cases.bundle.target.columns[0]
        assert run_cases.truths[f"truth_{run_cases.bundle.target.names[0]}"].to_list() == samples[column].to_list()

    def test_another_runs_target_or_lost_signals_are_refused(
        self, run_cases: Cases, fast_run: Path, vitals_bundle: Bundle, tmp_path: Path
    ) -> None:
        with pytest.raises(InputError, match=r"the run predicts .*, the bundle mortality_24h"):
            find_source(fast_run, vitals_bundle, tmp_path)
        moved = tmp_path / "moved"
        moved.mkdir()
        for name in ("prepared_cohort.json", "samples.parquet"):
            text = (fast_run / name).read_bytes()
            (moved / name).write_bytes(
                text.replace(str(fast_run.resolve()).encode(), b"/nowhere") if name == "prepared_cohort.json" else text
            )
        with pytest.raises(InputError, match="signals are no longer in /nowhere/cohort"):
            find_source(moved, run_cases.bundle, tmp_path)
        (moved / "prepared_cohort.json").write_text("{}")
        with pytest.raises(InputError, match=r"prepared_cohort\.json is damaged"):
            find_source(moved, run_cases.bundle, tmp_path)


def test_ten_thousand_scored_cases_open_in_two_seconds(ecg_bundle: Bundle, tmp_path: Path) -> None:
    names = [f"{place:05d}" for place in range(10_000)]
    (tmp_path / "list.csv").write_text("sample_id,ecg\n" + "".join(f"{name},records/{name}\n" for name in names))
    done = written(tmp_path / "run", dict(zip(names, np.linspace(0, 1, 10_000).tolist(), strict=True)), CD)
    start = time.perf_counter()
    cases = open_cases(Path("none"), ecg_bundle, tmp_path / "list.csv", tmp_path / "data", done)
    assert time.perf_counter() - start < 2
    assert len(cases) == 10_000
    assert cases.table["pseudonym"].n_unique() == 10_000
