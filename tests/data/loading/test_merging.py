"""Merged shards: the bytes of one preparation, and series in their order."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medkd.data.core.view import View
from medkd.data.events import events
from medkd.data.events.events import write_events
from medkd.data.loading import merging
from medkd.data.loading.merging import merge_prepared, merge_series
from medkd.data.loading.shard import Shard
from medkd.data.loading.store import Prepared, part_key, prepare
from medkd.modalities.ecg import ECG

PART = View.parse("ecg[II]").parts[0]
MODALITY = ECG(seconds=2.0)


def test_shards_give_the_bytes_of_one_preparation(tmp_path: Path, root: Path, samples: pl.DataFrame) -> None:
    few = samples.head(30)
    whole = prepare(tmp_path / "whole", MODALITY, [PART], few, root)[str(PART)]
    sources = [
        prepare(tmp_path / str(part), MODALITY, [PART], Shard(part, 3).of(few), root, whole=False)[str(PART)]
        for part in (1, 2, 3)
    ]
    merge_prepared(sources, tmp_path / "merged", MODALITY, PART, few, root)
    (folder,) = (tmp_path / "merged").iterdir()
    assert folder.name == part_key(MODALITY, PART, few, root)[:16]
    assert Prepared.open(folder).index.equals(whole.index)
    for name in ("values.npy", "meta.json"):
        assert (folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_series_of_several_folders_are_as_those_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (events, merging):
        monkeypatch.setattr(module, "SERIES_PER_FILE", 4)
    rows = pl.DataFrame(
        [
            (f"s{series:02d}", float(hour), name, float(series + hour))
            for series in range(11)
            for hour in range(3)
            for name in ("hr", "sbp")
        ],
        {"series": pl.String, "hours": pl.Float64, "variable": pl.String, "value": pl.Float32},
        orient="row",
    )
    expected = write_events(rows.lazy(), tmp_path / "whole", "vitals")
    for part in range(3):
        mine = rows.filter(pl.col("series").str.slice(1).cast(pl.Int64) % 3 == part)
        write_events(mine.lazy(), tmp_path / f"part{part}", "vitals")
    found = merge_series([tmp_path / f"part{part}" for part in range(3)], tmp_path / "merged", "vitals")
    assert found == expected
    for path in set(found.values()):
        assert pl.read_parquet(tmp_path / "merged" / path).equals(pl.read_parquet(tmp_path / "whole" / path))
    assert merge_series([tmp_path / "nothing"], tmp_path / "merged", "vitals") == {}
