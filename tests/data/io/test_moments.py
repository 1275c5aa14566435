"""Moments: one form for a whole column, chosen because it reads every row, or refused."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from medkd.data.io.moments import read_moments
from medkd.errors import InputError

NOON = datetime(2031, 4, 9, 12)


def read(*texts: str | None) -> list[datetime | None]:
    return read_moments(pl.Series("at", texts, dtype=pl.String), "stays.csv").to_list()


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("2031-04-09T12:00", "2031-04-09"),
        ("2031/4/9 12:00:00.000", "2031-04-09"),
        ("2031-04-09 12:00:00 UTC", "2031-04-09"),
        ("2031-04-09T14:00:00+02:00", "2031-04-09"),
        ("9.4.2031 12:00", "23.4.2031"),
        ("4/9/2031 12:00 PM", "4/23/2031"),
        ("09-APR-2031 12:00", "1 May 2031"),
    ],
)
def test_a_form_that_reads_every_row_is_the_columns(text: str, shows: str) -> None:
    assert read(text, shows, None)[0] == NOON


def test_a_form_that_two_ways_read_is_refused_in_the_files_own_words() -> None:
    with pytest.raises(InputError, match=r"'4/9/2031 12:00' may have the day first or the month first.*stays\.csv"):
        read("4/9/2031 12:00", "5/5/2031 12:00")
    assert read("5/5/2031", "6/6/2031") == [datetime(2031, 5, 5), datetime(2031, 6, 6)]


@pytest.mark.parametrize("texts", [("23/4/2031", "4/23/2031"), ("2031-04-09", "23/4/2031")])
def test_a_column_of_several_forms_is_refused(texts: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="several forms") as raised:
        read(*texts)
    assert all(text in str(raised.value) for text in texts)


def test_what_is_no_time_is_null_and_changes_no_form() -> None:
    assert read("4/23/2031", "soon", "31/31/2031", "4/9/2031 12:00") == [datetime(2031, 4, 23), None, None, NOON]
    assert read("soon", None) == [None, None]
