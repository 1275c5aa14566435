"""Shards: every subject in exactly one, the same on every machine."""

from __future__ import annotations

import polars as pl
import pytest

from medkd.data.loading.shard import Shard


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_shards_cover_all_samples_and_share_no_subject(parts: int) -> None:
    samples = pl.DataFrame({"sample_id": range(300), "subject_id": [f"p{row % 90}" for row in range(300)]})
    shards = [Shard(part, parts).of(samples) for part in range(1, parts + 1)]
    assert sorted(pl.concat(shards)["sample_id"].to_list()) == list(range(300))
    subjects = [set(shard["subject_id"]) for shard in shards]
    assert sum(map(len, subjects)) == len(set.union(*subjects)) == 90
    assert all(shard["sample_id"].is_sorted() for shard in shards)
    assert max(map(len, subjects)) < 90 / parts * 2


def test_the_order_of_samples_does_not_matter() -> None:
    samples = pl.DataFrame({"sample_id": range(50), "subject_id": [f"p{row}" for row in range(50)]})
    first = set(Shard(2, 3).of(samples)["sample_id"])
    assert set(Shard(2, 3).of(samples.reverse())["sample_id"]) == first
    assert (str(Shard(2, 3)), Shard(2, 3).folder) == ("2/3", "2of3")
