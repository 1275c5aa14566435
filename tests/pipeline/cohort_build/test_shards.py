"""``medkd cohort build --shard i/n``: put together, the same bytes as an unsharded build, whatever n."""

from __future__ import annotations

import json
import re
import shutil
from itertools import islice
from pathlib import Path

import polars as pl
import pytest

from medkd.cli import main
from medkd.cohorts.demo_ecg import DemoECG
from medkd.cohorts.demo_icu import DemoICU
from medkd.data.core.sample import summed
from medkd.data.events import events
from medkd.data.io.archive import read_members
from medkd.data.loading import merging
from medkd.data.loading.shard import Shard
from medkd.modalities.notes import texts

STAYS = 160


@pytest.fixture(scope="module")
def ecg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of their own files, one of them truncated and one twice, under two names."""
    root = DemoECG.synthesise(tmp_path_factory.mktemp("ecg") / "demo", subjects=80)
    folder = root / "records100" / "00000"
    (folder / "00007_lr.dat").write_bytes((folder / "00007_lr.dat").read_bytes()[:1000])
    shutil.copyfile(folder / "00012_lr.dat", folder / "00030_lr.dat")
    (folder / "00030_lr.hea").write_text((folder / "00012_lr.hea").read_text().replace("00012_lr", "00030_lr"))
    return root


@pytest.fixture(scope="module")
def stays(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first stays of the Challenge, one without a measurement."""
    published, root = shared / "data" / "icu" / "cinc2012", tmp_path_factory.mktemp("stays")
    outcomes = pl.read_csv(published / "Outcomes-a.txt").head(STAYS)
    outcomes.write_csv(root / "Outcomes-a.txt")
    for name, content in islice(read_members(published / "set-a.tar.gz", ".txt"), STAYS):
        file = root / "set-a" / Path(name).name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    bare = next((root / "set-a").iterdir())
    bare.write_text(f"Time,Parameter,Value\n00:00,RecordID,{bare.stem}\n00:00,Age,54\n")
    return root


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that series fall into several files."""
    for module in (events, merging, texts):
        monkeypatch.setattr(module, "SERIES_PER_FILE", 7)


def build(name: str, root: Path, out: Path, *options: str) -> int:
    return main(["cohort", "build", name, "--root", str(root), "--out", str(out), *options])


def built(out: Path) -> dict[str, bytes]:
    """What a build leaves, by name.

    Arrays by what they are of, since their folders are named by the times of the files behind them.
    """
    held = {
        file.relative_to(out).as_posix(): file.read_bytes()
        for file in sorted(out.rglob("*"))
        if file.suffix in (".parquet", ".json")
    }
    left = {
        name: content for name, content in held.items() if not name.startswith(("prepared/", "prepared_cohort.json"))
    }
    for meta in sorted((out / "prepared").glob("*/meta.json")):
        part = json.loads(meta.read_text())["part"]
        left |= {f"{part}/{name}": (meta.parent / name).read_bytes() for name in ("values.npy", "index.parquet")}
    inputs = json.loads((out / "prepared_cohort.json").read_text())
    left["inputs"] = json.dumps({key: value for key, value in inputs.items() if key not in ("root", "stores")}).encode()
    return left


def sharded(name: str, root: Path, out: Path, parts: int) -> None:
    # The last first: their order is nobody's promise.
    for part in reversed(range(1, parts + 1)):
        assert build(name, root, out, "--shard", f"{part}/{parts}") == 0
        assert not (out / "samples.parquet").exists()
    assert build(name, root, out) == 0


@pytest.mark.parametrize(
    ("cohort", "data", "numbers"), [("cinc2012", "stays", (1, 2, 3)), ("demo_ecg", "ecg", (2, 100))]
)
def test_any_number_of_shards_gives_the_bytes_of_none(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    cohort: str,
    data: str,
    numbers: tuple[int, ...],
) -> None:
    root = request.getfixturevalue(data)
    assert build(cohort, root, tmp_path / "whole") == 0
    said = capsys.readouterr().out
    expected = built(tmp_path / "whole")
    assert {"samples.parquet", "inputs", "split/seed0/split.json"} < set(expected)
    # A hundred are more than there are subjects: some shards are empty.
    for parts in numbers:
        out = tmp_path / f"of{parts}"
        sharded(cohort, root, out, parts)
        found = built(out)
        assert sorted(found) == sorted(expected)
        assert [name for name in expected if found[name] != expected[name]] == []
        assert not (out / "shards").exists()
        told = capsys.readouterr().out.replace(str(out), str(tmp_path / "whole"))
        assert re.sub(r"prepared/\w+", "", told).endswith(re.sub(r"prepared/\w+", "", said)), (
            "the same exclusions and counts"
        )


def test_series_of_every_kind_are_put_together_from_disjoint_shards(tmp_path: Path) -> None:
    cohort = DemoICU(DemoICU.synthesise(tmp_path / "demo", subjects=40, labs_per_stay=20))
    samples, _ = cohort.samples(cohort.target(None))
    whole = cohort.extract(samples, tmp_path / "whole")
    shards = [Shard(part, 3).of(samples) for part in (1, 2, 3)]
    assert sorted(pl.concat(shards)["sample_id"]) == sorted(samples["sample_id"])
    held = [set(shard["subject_id"]) for shard in shards]
    assert all(held)
    assert sum(map(len, held)) == samples["subject_id"].n_unique()
    parts = [cohort.extract(shard, tmp_path / str(place)) for place, shard in enumerate(shards)]
    for name in ("vitals", "labs", "codes", "notes"):
        files = merging.merge_series([part.root for part in parts], tmp_path / "merged", name)
        assert dict(whole.samples.select("series", name).iter_rows()) == files
        found, expected = (sorted((tmp_path / folder / name).iterdir()) for folder in ("merged", "whole"))
        assert len(expected) > 1
        assert [file.name for file in found] == [file.name for file in expected]
        assert [
            file.name for file, other in zip(found, expected, strict=True) if file.read_bytes() != other.read_bytes()
        ] == []
    names = list(cohort.modalities())
    assert summed((part.aside for part in parts), names) == summed([whole.aside], names)


def test_a_missing_or_foreign_shard_is_one_line(
    stays: Path, ecg: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert build("cinc2012", stays, out, "--shard", "1/3") == 0
    assert build("cinc2012", stays, out) == 2
    assert "shards 2/3, 3/3 are missing" in capsys.readouterr().err
    assert build("cinc2012", stays, out, "--shard", "3/3") == 0
    assert build("cinc2012", stays, out) == 2
    assert "shard 2/3 is missing" in capsys.readouterr().err
    assert build("demo_ecg", ecg, out, "--shard", "2/3") == 0
    assert build("cinc2012", stays, out) == 2
    assert "shard 2/3 was built from other samples" in capsys.readouterr().err
    assert build("cinc2012", stays, out, "--shard", "1/2") == 0
    assert build("cinc2012", stays, out) == 2
    assert "shards of /2 and /3 are side by side" in capsys.readouterr().err
    assert main(["cohort", "describe", "cinc2012", "--root", str(stays), "--shard", "1/2"]) == 2
    assert "'describe' takes no shard" in capsys.readouterr().err


def test_a_shard_that_fails_leaves_the_others(stays: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    broken = Path(shutil.copytree(stays, tmp_path / "broken"))
    shutil.rmtree(broken / "set-a")
    (broken / "set-a.tar.gz").write_bytes(b"\x1f\x8b damaged")
    assert build("cinc2012", broken, out, "--shard", "1/2") == 2
    assert "truncated or damaged" in capsys.readouterr().err
    assert not out.exists()
    assert build("cinc2012", stays, out, "--shard", "2/2") == 0
    assert build("cinc2012", broken, out, "--shard", "1/2") == 2
    assert [folder.name for folder in (out / "shards").iterdir()] == ["2of2"]
