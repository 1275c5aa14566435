"""One recording under two names is split as one subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from medkd.data.core.target import Target
from medkd.data.loading.store import Prepared
from medkd.data.splits.draw import draw_split
from medkd.pipeline.shared_recordings import joined_subjects


def stored(values: np.ndarray, absent: tuple[int, ...] = ()) -> Prepared:
    status = ["absent" if row in absent else "ok" for row in range(len(values))]
    names = [f"s{row}" for row in range(len(values))]
    index = pl.DataFrame({"sample_id": names, "status": status, "reason": [""] * len(values)})
    return Prepared(Path("nowhere"), values.astype(np.float32), index, "0" * 64)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((60, 2, 100))


@pytest.fixture
def samples() -> pl.DataFrame:
    names = [f"s{row}" for row in range(60)]
    return pl.DataFrame(
        {
            "sample_id": names,
            "subject_id": [f"p{row}" for row in range(60)],
            "cd": [float(row % 3 == 0) for row in range(60)],
        }
    )


def joined(samples: pl.DataFrame, *modalities: Prepared) -> tuple[dict[str, str], int]:
    table, reasons = joined_subjects(samples, {f"m{place}": held for place, held in enumerate(modalities)})
    assert table.drop("subject_id").equals(samples.drop("subject_id")), "no sample is dropped or moved"
    return dict(zip(table["sample_id"], table["subject_id"], strict=True)), sum(reason.count for reason in reasons)


def test_different_recordings_leave_the_table_as_it_is(samples: pl.DataFrame, values: np.ndarray) -> None:
    table, reasons = joined_subjects(samples, {"ecg": stored(values)})
    assert table.equals(samples)
    assert reasons == []


@pytest.mark.parametrize("copy", [lambda x: x, lambda x: x + 1e-4 * np.cos(np.arange(100))], ids=["equal", "rounded"])
def test_a_copy_under_another_name_is_joined(samples: pl.DataFrame, values: np.ndarray, copy: object) -> None:
    values[41] = copy(values[7])  # type: ignore[operator]
    found, count = joined(samples, stored(values))
    assert (found["s41"], found["s7"], count) == ("p7", "p7", 1)
    assert len(set(found.values())) == 59


def test_chains_are_joined_whole(samples: pl.DataFrame, values: np.ndarray) -> None:
    """s1 is s20 in one modality, s20 is s50 in another: three names of one person."""
    other = np.random.default_rng(1).standard_normal(values.shape)
    values[20], other[50] = values[1], other[20]
    found, count = joined(samples, stored(values), stored(other))
    assert found["s1"] == found["s20"] == found["s50"] == "p1"
    assert count == 2


def test_all_samples_of_joined_subjects_go_together(samples: pl.DataFrame, values: np.ndarray) -> None:
    several = samples.with_columns(subject_id=pl.format("p{}", pl.arange(0, 60) // 2))
    values[31] = values[4]
    found, count = joined(several, stored(values))
    assert {found[f"s{row}"] for row in (4, 5, 30, 31)} == {"p2"}
    assert count == 1


def test_a_subjects_own_repeat_joins_nobody(samples: pl.DataFrame, values: np.ndarray) -> None:
    several = samples.with_columns(subject_id=pl.format("p{}", pl.arange(0, 60) // 2))
    values[5] = values[4]
    table, reasons = joined_subjects(several, {"ecg": stored(values)})
    assert table.equals(several)
    assert reasons == []


def test_absent_signals_are_nobodys_copy(samples: pl.DataFrame, values: np.ndarray) -> None:
    values[[3, 9, 30]] = 0.0
    table, reasons = joined_subjects(samples, {"ecg": stored(values, absent=(3, 9, 30))})
    assert table.equals(samples)
    assert reasons == []
    values[3] = values[50]
    assert joined_subjects(samples, {"ecg": stored(values, absent=(3, 9, 30))})[1] == []


def test_rows_are_matched_by_id_whatever_the_order(samples: pl.DataFrame, values: np.ndarray) -> None:
    values[41] = values[7]
    shuffled = samples.sample(fraction=1.0, shuffle=True, seed=3)
    found, _ = joined(shuffled, stored(values))
    assert found["s41"] == found["s7"]
    assert all(found[f"s{row}"] == f"p{row}" for row in range(60) if row not in (7, 41))


def test_no_split_then_puts_a_recording_on_both_sides(samples: pl.DataFrame, values: np.ndarray) -> None:
    pairs = [(0, 59), (5, 17), (17, 40), (22, 23)]
    for source, copy in pairs:
        values[copy] = values[source]
    target = Target("cd", "binary", ("cd",))
    table, reasons = joined_subjects(samples, {"ecg": stored(values)})
    assert [reason.count for reason in reasons] == [4]
    apart = 0
    for seed in range(5):
        fold = dict(draw_split(table, target, "kfold:3", seed).table.select("sample_id", "fold").iter_rows())
        assert all(fold[f"s{source}"] == fold[f"s{copy}"] for source, copy in pairs)
        before = dict(draw_split(samples, target, "kfold:3", seed).table.select("sample_id", "fold").iter_rows())
        apart += sum(before[f"s{source}"] != before[f"s{copy}"] for source, copy in pairs)
    assert apart > 0, "unjoined, they would have been split"
