"""Bad input ends in one clear line and exit 2, and nothing half written is left behind."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

import medkd.tasks
from medkd.cli import main
from medkd.cohorts.demo_ecg import DemoECG
from medkd.deploy.bundle import Bundle
from medkd.deploy.checksums import write_sums
from medkd.modalities.ecg import ECG
from medkd.recipe.opening import open_run
from tests.deploy.conftest import CALIBRATION, REPORT, save_learner

RECIPE = Path(medkd.tasks.__path__[0]) / "ecg_lead" / "recipe.yaml"
TEACHER = "labels1/seed0/teacher-without-0"
Spoil = Callable[[Path], None]
Refused = Callable[..., str]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty synthetic subjects; read only."""
    return DemoECG.synthesise(tmp_path_factory.mktemp("demo") / "demo", subjects=60)


@pytest.fixture
def cohort(demo: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(demo, tmp_path / "cohort"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with random weights; read only."""
    place = tmp_path_factory.mktemp("bundle")
    Bundle.write(place / "bundle", save_learner(place / "learner", ECG()), CALIBRATION, REPORT)
    return place / "bundle"


@pytest.fixture
def spoilt_bundle(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def recipe(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped recipe on the small cohort, as a user's own task."""
    held = yaml.safe_load(RECIPE.read_text()) | {"root": str(demo), "cohort": "demo_ecg", "target": "CD", "protocol": "kfold:3"}
    file = tmp_path_factory.mktemp("own") / "recipe.yaml"
    file.write_text(yaml.safe_dump(held | {"seeds": 1, "labels": [1.0], "fast": True}))
    return file


@pytest.fixture(scope="session")
def begun(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose cohort is prepared and whose split is drawn, nothing fitted; read only."""
    out = tmp_path_factory.mktemp("begun") / "run"
    assert main(["stage", str(recipe), "split/seed0", "--out", str(out)]) == 0
    return out


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "run"))


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Type a command, which must end in one line and exit 2; the line."""

    def type_it(*words: object, code: int = 2) -> str:
        capsys.readouterr()
        status = main([str(word) for word in words])
        said = capsys.readouterr().err
        assert status == code, said
        assert said.startswith("medkd: ")
        assert said.endswith("\n")
        assert said.count("\n") == 1
        assert "not foreseen" not in said
        return said

    return type_it


@pytest.fixture
def distil(refused: Refused, tmp_path: Path) -> Refused:
    """A distillation that must be refused and leave no folder."""

    def type_it(root: Path | None, *words: object) -> str:
        out = tmp_path / "runs" / "refused"
        where = ["--root", root] if root else []
        line = refused("distill", "ecg_lead", "--cohort", "demo_ecg", *where, "--fast", "--jobs", "1", "--out", out, *words)
        assert not out.exists()
        assert not out.parent.exists()
        return line

    return type_it


@pytest.fixture
def whole(refused: Refused, recipe: Path, tmp_path: Path) -> Refused:
    """The same without ``--fast``, which sets protocol and labels itself."""

    def type_it(root: Path, *words: object) -> str:
        (tmp_path / "own").mkdir()
        (tmp_path / "own/recipe.yaml").write_text(yaml.safe_dump(yaml.safe_load(recipe.read_text()) | {"fast": False}))
        out = tmp_path / "runs" / "refused"
        line = refused("distill", tmp_path / "own", "--root", root, "--out", out, "--jobs", "1", *words)
        assert not out.parent.exists()
        return line

    return type_it


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def no_temporaries(folder: Path) -> bool:
    return not any(path.name.startswith(".") for path in folder.rglob("*"))


# Records


def lose_signal(header: Path) -> None:
    header.with_suffix(".dat").unlink()


def lose_header(header: Path) -> None:
    header.unlink()


def truncate(header: Path) -> None:
    signal = header.with_suffix(".dat")
    signal.write_bytes(signal.read_bytes()[:5000])


def rename_leads(header: Path) -> None:
    lines = header.read_text().splitlines()
    header.write_text("\n".join([lines[0], *(f"{line.rpartition(' ')[0]} X{place}" for place, line in enumerate(lines[1:]))]) + "\n")


def put_nan(header: Path) -> None:
    """WFDB's mark for a missing sample, in every lead, under a checksum that fits."""
    signal = header.with_suffix(".dat")
    samples = np.fromfile(signal, dtype="<i2").reshape(-1, 12)
    samples[100:103] = -32768
    samples.tofile(signal)
    sums = samples.sum(axis=0, dtype=np.int64) % 65536
    first, *lines = header.read_text().splitlines()
    words = [line.split() for line in lines]
    header.write_text(
        "\n".join([first, *(" ".join([*word[:6], str(total), *word[7:]]) for word, total in zip(words, sums, strict=True))]) + "\n"
    )


def lose_rate(header: Path) -> None:
    first, *lines = header.read_text().splitlines()
    header.write_text("\n".join([" ".join(first.split()[:2]), *lines]) + "\n")


RECORDS: list[tuple[Spoil, str]] = [
    (lose_signal, "lacks its signal file"),
    (lose_header, "is missing"),
    (truncate, "cannot be read"),
    (rename_leads, "missing I"),
    (put_nan, "(NaN)"),
    (lose_rate, "states no sampling rate"),
]
every_record = pytest.mark.parametrize(("spoil", "message"), RECORDS, ids=[spoil.__name__ for spoil, _ in RECORDS])


@every_record
def test_a_cohort_without_one_usable_record(cohort: Path, distil: Refused, spoil: Spoil, message: str) -> None:
    for header in sorted(cohort.rglob("*.hea")):
        spoil(header)
    line = distil(cohort)
    assert message in line
    assert "no record of ecg" in line
    assert "_lr)" not in line


@every_record
def test_one_bad_record_among_many_is_counted_and_set_aside(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Spoil, message: str
) -> None:
    """The stage that every distillation begins with; the name of the record is not printed."""
    spoil(cohort / "records100/00000/00007_lr.hea")
    assert main(["cohort", "build", "demo_ecg", "--root", str(cohort), "--out", str(tmp_path / "built")]) == 0
    said = capsys.readouterr()
    assert message in said.out
    assert "62  samples kept" in said.out
    assert "00007" not in said.out + said.err
    assert pl.read_parquet(tmp_path / "built" / "samples.parquet").height == 62


@every_record
def test_a_record_to_predict_alone(cohort: Path, bundle: Path, tmp_path: Path, refused: Refused, spoil: Spoil, message: str) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    for suffix in (".hea", ".dat"):
        shutil.copyfile(cohort / f"records100/00000/00007_lr{suffix}", alone / f"00007_lr{suffix}")
    (alone / "list.csv").write_text("sample_id,ecg\nmine,00007_lr\n")
    spoil(alone / "00007_lr.hea")
    assert message in refused("predict", bundle, alone / "list.csv", "--out", tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


@every_record
def test_a_record_to_predict_among_others(cohort: Path, bundle: Path, tmp_path: Path, spoil: Spoil, message: str) -> None:
    folder = cohort / "records100/00000"
    spoil(folder / "00007_lr.hea")
    items = "".join(f"{number:05d},{number:05d}_lr\n" for number in range(1, 10))
    (folder / "list.csv").write_text("sample_id,ecg\n" + items)
    out = tmp_path / "scores"
    assert main(["predict", str(bundle), str(folder / "list.csv"), "--out", str(out)]) == 0
    aside = pl.read_csv(out / "quarantine.csv", infer_schema=False)
    assert aside["item"].to_list() == ["00007"]
    assert message in aside["reason"][0]
    assert (pl.read_parquet(out / "predictions.parquet")["status"] == "ok").sum() == 8


# Folders and tables


def test_folders_that_are_not_there(cohort: Path, bundle: Path, distil: Refused, refused: Refused, tmp_path: Path) -> None:
    assert "no such folder" in distil(tmp_path / "nowhere")
    (cohort / "demo_ecg.json").unlink()
    assert "holds no demo_ecg.json" in distil(cohort)
    assert "no such file or folder" in refused("predict", bundle, tmp_path / "nowhere", "--out", tmp_path / "scores")
    assert "no such bundle" in refused("predict", tmp_path / "nowhere", cohort, "--out", tmp_path / "scores")
    assert "no such recipe" in refused("stage", tmp_path / "recipe.yml", "split/seed0", "--out", tmp_path / "scores")
    assert "no such file" in refused("fit", "--config", tmp_path / "fit.yaml")
    assert "needs its folder (--root)" in refused("cohort", "describe", "ptbxl")
    assert not (tmp_path / "scores").exists()


def edit(cohort: Path, **columns: pl.Expr) -> None:
    file = cohort / "ptbxl_database.csv"
    pl.read_csv(file, infer_schema=False).with_columns(**columns).write_csv(file)


NORMAL = pl.lit("{'NORM': 100.0}")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"scp_codes": pl.lit("{'SR': 0.0}")}, "no sample is left"),
        ({"scp_codes": NORMAL}, "'CD' is 0 in all 63 labelled samples"),
        ({"scp_codes": pl.lit("NORM")}, "not a mapping of statements"),
        ({"patient_id": pl.lit(None, pl.String)}, "63 samples have no subject_id"),
        ({"ecg_id": pl.lit("1")}, "stands 63 times"),
        ({"strat_fold": pl.lit("ten")}, "a word where a number belongs"),
    ],
    ids=["no statement", "one class", "no mapping", "no subject", "one id", "no number"],
)
def test_labels_and_ids_that_are_missing(cohort: Path, distil: Refused, columns: dict[str, pl.Expr], message: str) -> None:
    edit(cohort, **columns)
    assert message in distil(cohort)


def test_a_label_column_that_is_missing_or_empty(cohort: Path, distil: Refused, refused: Refused, tmp_path: Path) -> None:
    table = pl.read_csv(cohort / "ptbxl_database.csv", infer_schema=False)
    table.drop("scp_codes").write_csv(cohort / "ptbxl_database.csv")
    assert "no column 'scp_codes'" in distil(cohort)
    (tmp_path / "metadata.csv").write_text("patient_id,brugada\n1,\n2,\n")
    for action in ("describe", "check", "build"):
        line = refused("cohort", action, "brugada_huca", "--root", tmp_path, "--out", tmp_path / "built")
        assert "target 'brugada' has no label" in line
    assert not (tmp_path / "built").exists()


def test_names_that_do_not_exist(demo: Path, distil: Refused, refused: Refused, tmp_path: Path) -> None:
    assert "Did you mean 'HYP'?" in distil(demo, "--target", "HYPE")
    assert "Did you mean 'demo_ecg'?" in refused("distill", "ecg_lead", "--cohort", "demo_egc", "--out", tmp_path / "out")
    assert "Did you mean 'ecg_lead'?" in refused("distill", "ecg_laed", "--out", tmp_path / "out")
    assert "Did you mean 'demo_ecg'?" in refused("cohort", "build", "demo_egc", "--out", tmp_path / "out")
    assert "is not a lead" in distil(demo, "--student.view", "ecg[V7]")
    assert "Did you mean 'ecg'?" in distil(demo, "--student.view", "ecgs[I]")
    assert not (tmp_path / "out").exists()


# Splits


def test_a_subject_in_two_official_folds(whole: Refused, cohort: Path) -> None:
    edit(cohort, strat_fold=(pl.int_range(pl.len()) % 10 + 1).cast(pl.String))
    assert "3 subjects stand in two official folds" in whole(cohort, "--protocol", "official")


def test_a_split_file_with_a_subject_in_two_splits(run: Path, recipe: Path, refused: Refused) -> None:
    file = run / "split/seed0/split.json"
    held = json.loads(file.read_text())
    subjects = held["rows"]["subject_id"]
    place = next(place for place, name in enumerate(subjects) if subjects.count(name) > 1)
    held["rows"]["fold"][place] = (held["rows"]["fold"][place] + 1) % 3
    file.write_text(json.dumps(held))
    assert "1 subjects stand in two splits" in refused("stage", recipe, TEACHER, "--out", run)
    assert not (run / TEACHER).exists()
    assert not (run / "stages" / f"{TEACHER}.done.json").exists()
    assert no_temporaries(run)


def test_an_edited_split(run: Path, recipe: Path, refused: Refused) -> None:
    file = run / "split/seed0/split.json"
    held = json.loads(file.read_text())
    held["rows"]["label_rank"][0] = 0.0
    file.write_text(json.dumps(held))
    assert "split was edited" in refused("stage", recipe, TEACHER, "--out", run)
    assert not (run / TEACHER).exists()


@pytest.mark.parametrize(
    ("fold", "words", "message"),
    [
        ("3", ("--protocol", "official"), "the official test part is empty"),
        ("10", ("--protocol", "official"), "the official validation part is empty"),
        ("3", ("--protocol", "kfold:40"), "too few for 40 folds"),
        ("3", ("--labels", "0.001"), "part is empty"),
    ],
    ids=["test", "validation", "folds", "labels"],
)
def test_an_empty_split(whole: Refused, cohort: Path, fold: str, words: tuple[str, ...], message: str) -> None:
    edit(cohort, strat_fold=pl.lit(fold))
    assert message in whole(cohort, *words)


# Keys of a recipe

KEYS = [
    ("student.trainer.max_epoch", "3", "'trainer.max_epochs'"),
    ("teacher.trainer.max_epoch", "3", "'trainer.max_epochs'"),
    ("solo.trainer.max_epoch", "3", "'trainer.max_epochs'"),
    ("student.model.learning_rat", "0.1", "'model.learning_rate'"),
    ("student.model.network.init_args.chanels", "1", "'channels'"),
    ("student.model.network.class_path", "medkd.networks.resnet1d.ResNet", "'ResNet1d'"),
    ("student.model.objectives.soft_labels.init_args.temprature", "2", "'temperature'"),
    ("student.model.weights.soft_label", "1", "'soft_labels'"),
    ("student.model.optimizer", "adam", "'adamw'"),
    ("student.data.batchsize", "32", "'data.batch_size'"),
    ("student.modalities.ecg.init_args.augment_nois", "0.1", "'augment_noise'"),
    ("student.modalities.ecgs.init_args.seconds", "5", "'ecg'"),
    ("student.trianer.max_epochs", "3", "'trainer'"),
    ("studnet.trainer.max_epochs", "3", "'student'"),
    ("evidence.replicate", "3", "'replicates'"),
]


@pytest.mark.parametrize(("key", "value", "near"), KEYS, ids=[key for key, _, _ in KEYS])
def test_an_unknown_key_on_the_command_line(demo: Path, distil: Refused, key: str, value: str, near: str) -> None:
    assert f"Did you mean {near}?" in distil(demo, f"--{key}", value)


@pytest.mark.parametrize(("key", "value", "near"), KEYS, ids=[key for key, _, _ in KEYS])
def test_an_unknown_key_in_the_recipe(recipe: Path, tmp_path: Path, refused: Refused, key: str, value: str, near: str) -> None:
    held: dict[str, Any] = yaml.safe_load(recipe.read_text())
    place = held
    *path, last = key.split(".")
    for name in path:
        place = place.setdefault(name, {})
    place[last] = yaml.safe_load(value)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/recipe.yaml").write_text(yaml.safe_dump(held))
    out = tmp_path / "runs" / "refused"
    assert f"Did you mean {near}?" in refused("distill", tmp_path / "own", "--out", out)
    assert f"Did you mean {near}?" in refused("stage", tmp_path / "own/recipe.yaml", "split/seed0", "--out", out)
    assert not out.parent.exists()


def test_keys_are_refused_before_a_cohort_is_synthesised(distil: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DemoECG, "synthesise", lambda *_, **__: pytest.fail("work began"))
    assert "max_epochs" in distil(None, "--student.trainer.max_epoch", "3")
    monkeypatch.undo()
    assert "Did you mean 'subjects'?" in distil(None, "--cohort_options.subject", "60")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--student.model.learning_rate", "fast"), "It must be a number"),
        (("--student.trainer.max_epochs", "many"), "a whole number"),
        (("--student.trainer.accelerator", "abacus"), "abacus"),
        (("--student.model.network", "3"), "model.network names no class"),
        (("--student.view.x", "3"), "--student.view.x"),
        (("--student.data.steps", "["), "is not YAML"),
        (("--student.trainer.max_epochs",), "has no value"),
    ],
    ids=["number", "whole", "constructor", "mapping", "plain", "yaml", "no value"],
)
def test_a_value_that_does_not_fit(demo: Path, distil: Refused, words: tuple[str, ...], message: str) -> None:
    assert message in distil(demo, *words)


@pytest.mark.parametrize(
    ("text", "message"), [("a: [1", "not YAML"), ("- a", "not a recipe"), ("task: x\nstudent: 3\n", "recipe has no"), ("", "not a recipe")]
)
def test_a_file_that_is_no_recipe(tmp_path: Path, refused: Refused, text: str, message: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    assert message in refused("distill", tmp_path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_key_of_a_fit(run: Path, recipe: Path, refused: Refused) -> None:
    held = open_run(recipe, run, 1).stages[TEACHER].fit_config(run)  # type: ignore[attr-defined]
    file = run / "fit.yaml"
    before = files_of(run)
    for words, near in ((("trainer", "max_epoch"), "trainer.max_epochs"), (("data", "batchsize"), "data.batch_size")):
        file.write_text(yaml.safe_dump(held | {words[0]: held[words[0]] | {words[1]: 3}}))
        assert f"unknown key '{'.'.join(words)}'" in (line := refused("fit", "--config", file))
        assert f"Did you mean '{near}'?" in line
    file.write_text(yaml.safe_dump(held))
    assert "Did you mean 'trainer.max_epochs'?" in refused("fit", "--config", file, "--trainer.max_epoch", "3")
    file.unlink()
    assert files_of(run) == before


# Bundles


def test_a_bundle_with_a_changed_byte(spoilt_bundle: Path, demo: Path, tmp_path: Path, refused: Refused) -> None:
    weights = spoilt_bundle / "model.safetensors"
    held = bytearray(weights.read_bytes())
    held[len(held) // 2] ^= 1
    weights.write_bytes(held)
    assert "file 'model.safetensors' was changed" in refused("predict", spoilt_bundle, demo, "--out", tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


@pytest.mark.parametrize("path", ["os.system", "medkd_evil.networks.Net", "subprocess.Popen"])
def test_a_bundle_with_a_class_outside_the_allow_list(spoilt_bundle: Path, demo: Path, tmp_path: Path, refused: Refused, path: str) -> None:
    config = yaml.safe_load((spoilt_bundle / "config.yaml").read_text())
    config["network"]["class_path"] = path
    (spoilt_bundle / "config.yaml").write_text(yaml.safe_dump(config))
    (spoilt_bundle / "SHA256SUMS").unlink()
    write_sums(spoilt_bundle)
    line = refused("predict", spoilt_bundle, demo, "--out", tmp_path / "scores")
    assert f"class '{path}' is outside the allowed packages" in line
    assert not (tmp_path / "scores").exists()


# Disks, and files of a run that were damaged


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 10 kB, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk(demo: Path, recipe: Path, tmp_path: Path, refused: Refused) -> None:
    for words in (("cohort", "build", "demo_ecg", "--root", demo), ("stage", recipe, "split/seed0")):
        assert "file too large" in refused(*words, "--out", tmp_path / "out")
        assert files_of(tmp_path / "out") == {}


def test_an_out_that_is_a_file(demo: Path, bundle: Path, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        refused("distill", "ecg_lead", "--cohort", "demo_ecg", "--root", demo, "--fast", "--out", out)
        refused("cohort", "build", "demo_ecg", "--root", demo, "--out", out)
        refused("cohort", "check", "demo_ecg", "--root", demo, "--out", out)
        refused("predict", bundle, demo, "--out", out)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["prepared/*/meta.json", "prepared/*/index.parquet", "prepared/*/values.npy", "split/seed0/split.json"])
@pytest.mark.parametrize("damage", [b"", b'{"half": ', b"\0" * 400], ids=["empty", "half", "zeros"])
def test_a_damaged_file_of_a_run(run: Path, recipe: Path, refused: Refused, name: str, damage: bytes) -> None:
    for file in run.glob(name):
        file.write_bytes(damage)
    line = refused("stage", recipe, TEACHER, "--out", run)
    assert file.name in line
    assert "emove" in line
    assert not (run / TEACHER).exists()


def test_a_damaged_marker_of_a_stage(run: Path, recipe: Path, refused: Refused) -> None:
    (run / "stages/split/seed0.done.json").write_text("{")
    assert "seed0.done.json is damaged" in refused("stage", recipe, TEACHER, "--out", run)


def test_a_damaged_sample_table(run: Path, recipe: Path, refused: Refused) -> None:
    held = open_run(recipe, run, 1).stages[TEACHER].fit_config(run)  # type: ignore[attr-defined]
    (run / "fit.yaml").write_text(yaml.safe_dump(held))
    (run / "samples.parquet").write_bytes(b"PAR1")
    assert "samples.parquet is damaged" in refused("fit", "--config", run / "fit.yaml")
    assert not (run / TEACHER / "learner").exists()


def test_a_damaged_report_or_prediction_of_a_finished_run(fast_run: Path, tmp_path: Path, refused: Refused) -> None:
    out = Path(shutil.copytree(fast_run, tmp_path / "run"))
    again = ("distill", "ecg_lead", "--cohort", "demo_ecg", "--fast", "--jobs", "1", "--out", out)
    (out / "report.json").write_text("{")
    assert "report.json is damaged" in refused(*again)
    (out / "stages/evidence.done.json").unlink()
    (out / "labels1/seed0/student-fold0/predictions.parquet").write_bytes(b"PAR1")
    assert "predictions.parquet is damaged" in refused(*again)
    assert not (out / "stages/evidence.done.json").exists()
