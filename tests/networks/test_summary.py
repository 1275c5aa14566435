"""A grid in a few numbers a variable, against numpy on what was observed alone."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medkd.networks.summary import SUMMARIES, summarise_grid


@given(st.lists(st.one_of(st.none(), st.floats(-100, 100, width=32)), min_size=1, max_size=30))
def test_numbers_agree_with_numpy(values: list[float | None]) -> None:
    row = np.array([np.nan if value is None else value for value in values], np.float32)
    found = dict(zip(SUMMARIES, summarise_grid(torch.from_numpy(row[None, None]))[0].tolist(), strict=True))
    seen = np.flatnonzero(np.isfinite(row))
    assert found["observed"] == len(seen)
    assert found["since"] == pytest.approx((len(row) - 1 - seen[-1]) if len(seen) else len(row))
    if not len(seen):
        assert all(
            found[name] == 0 if name.startswith("observed") else np.isnan(found[name])
            for name in SUMMARIES
            if name != "since"
        )
        return
    values = row[seen].astype(np.float64)
    for name, expected in (("first", values[0]), ("last", values[-1]), ("min", values.min()), ("max", values.max())):
        assert found[name] == expected
    assert found["mean"] == pytest.approx(values.mean(), abs=1e-4)
    assert found["std"] == pytest.approx(values.std(), abs=1e-4)
    edges = [round(len(row) * place / 4) for place in range(5)]
    for place in range(4):
        quarter = row[edges[place] : edges[place + 1]].astype(np.float64)
        assert found[f"observed of quarter {place + 1}"] == np.isfinite(quarter).sum()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            assert found[f"mean of quarter {place + 1}"] == pytest.approx(np.nanmean(quarter), abs=1e-4, nan_ok=True)
    slope = np.polyfit(seen, values, 1)[0] if len(seen) > 1 else np.nan
    assert found["slope"] == pytest.approx(slope, abs=1e-3, nan_ok=True)


def test_variables_stand_one_after_another() -> None:
    grid = torch.tensor([[[1, torch.nan], [torch.nan, 5]]])
    both = summarise_grid(grid)
    assert both.shape == (1, 2 * len(SUMMARIES))
    np.testing.assert_array_equal(both[0], torch.cat([summarise_grid(grid[:, [place]])[0] for place in (0, 1)]))
