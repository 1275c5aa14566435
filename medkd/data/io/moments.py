r"""Moments: dates and times written as text, read in one form for a whole column, and never guessed row by row.

Forms are told apart by what reads every row. Times that begin with the year can be read in one way only. Of
``3/4/2150`` a column shows by its other rows whether the day or the month comes first; where it does not, it is
refused.
"""

from __future__ import annotations

import polars as pl

from medkd.errors import InputError

USUAL = "%Y-%m-%d %H:%M:%S"
"""Form of times in most published tables."""
_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp])?\.?[Mm]?\.?)?"
)
_ZONE = r"\s*(?:Z|UTC|GMT|(?P<zone>[+-]\d{2}:?\d{2}))?"
_YEAR_FIRST = rf"^(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_CLOCK}{_ZONE}$"
_YEAR_LAST = rf"^(?P<a>\d{{1,2}})[-/.](?P<b>\d{{1,2}})[-/.](?P<year>\d{{4}}|\d{{2}}){_CLOCK}{_ZONE}$"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = rf"^(?P<day>\d{{1,2}})[-/. ](?P<name>[A-Za-z]{{3}})[a-z]*[-/. ](?P<year>\d{{4}}|\d{{2}}){_CLOCK}{_ZONE}$"
CENTURY = 69
"""Years of two digits from this on belong to the last century, as POSIX has it."""
FORMS = ("year first", "month by name", "day first", "month first")


def usual(text: pl.Series) -> pl.Series | None:
    """Moments of a column wholly in the usual form, or otherwise with the year first; None where any row is in neither.

    Args:
        text: times as written; null where there is none.
    """
    moments = text.str.to_datetime(USUAL, time_unit="us", strict=False)
    if moments.null_count() == text.null_count():
        return moments
    year_first = _read(text, "year first")
    return year_first if year_first.null_count() == text.null_count() else None


def read_moments(text: pl.Series, where: str) -> pl.Series:
    """Moments of a whole column in the one form that reads it; null where a row is no time in any form.

    Args:
        text: every time of the column; null where there is none.
        where: file and column, for the message.

    Raises:
        InputError: no single form reads all of its times, or two do and differ.

    >>> read_moments(pl.Series("at", ["3/4/2150 8:05", "3/25/2150 9:00 PM", "soon"]), "t.csv").to_list()
    [datetime.datetime(2150, 3, 4, 8, 5), datetime.datetime(2150, 3, 25, 21, 0), None]
    """
    fast = usual(text)
    return as_form(text, form_of(text, where)) if fast is None else fast


def form_of(text: pl.Series, where: str) -> str:
    """The form, one of ``FORMS``, in which a column's times are written.

    Raises:
        InputError: as ``read_moments``.
    """
    distinct = text.drop_nulls().unique()
    readings = {form: _read(distinct, form) for form in FORMS}
    timed = pl.select(pl.any_horizontal(*(moments.is_not_null() for moments in readings.values()))).to_series()
    whole = [form for form, moments in readings.items() if (moments.is_not_null() == timed).all()]
    if not timed.any():
        return FORMS[0]
    if not whole:
        examples = [str(distinct.filter(moments.is_not_null()).min()) for moments in _disjoint(readings, timed)]
        raise InputError(
            f"writes times in several forms: {' and '.join(repr(example) for example in examples)}",
            where=where,
            remedy="Write all of them as 2150-03-04 08:05:00",
        )
    if len(whole) > 1:
        differ = readings[whole[0]].ne_missing(readings[whole[1]]) & timed
        if differ.any():
            example = distinct.filter(differ).sort()[0]
            raise InputError(
                f"'{example}' may have the day first or the month first, and no row of its column shows which",
                where=where,
                remedy="Write all of them as 2150-03-04 08:05:00",
            )
    return whole[0]


def as_form(text: pl.Series, form: str) -> pl.Series:
    """The column in one of ``FORMS``; null where a row is in another."""
    return _read(text, form)


def _disjoint(readings: dict[str, pl.Series], timed: pl.Series) -> list[pl.Series]:
    """Of each of two forms the rows that it alone, of the two, reads: between them no form reads both."""
    most = max(readings.values(), key=lambda moments: moments.count())
    rest = timed & most.is_null()
    other = max(readings.values(), key=lambda moments: (moments.is_not_null() & rest).sum())
    return [most, pl.select(pl.when(rest).then(other)).to_series()]


def _read(text: pl.Series, form: str) -> pl.Series:
    pattern = {"year first": _YEAR_FIRST, "month by name": _NAMED}.get(form, _YEAR_LAST)
    parts = text.str.strip_chars().str.extract_groups(pattern).struct.unnest()
    if form == "day first":
        parts = parts.rename({"a": "day", "b": "month"})
    elif form == "month first":
        parts = parts.rename({"a": "month", "b": "day"})
    elif form == "month by name":
        months = {name: str(number) for number, name in enumerate(_MONTHS, start=1)}
        month = pl.col("name").str.to_lowercase().replace_strict(months, default=None, return_dtype=pl.String)
        parts = parts.with_columns(month.alias("month"))
    year = pl.col("year").cast(pl.Int64)
    century = pl.when(year >= CENTURY).then(year + 1900).otherwise(year + 2000)
    hour, half = pl.col("hour").fill_null("0").cast(pl.Int64), pl.col("half").str.to_lowercase()
    # 12 AM is midnight, 12 PM noon; 13 PM is no time.
    hour = (
        pl.when(half.is_null())
        .then(hour)
        .when(hour.is_between(1, 12))
        .then(hour % 12 + 12 * (half == "p").cast(pl.Int64))
    )
    written = pl.format(
        "{}-{}-{} {}:{}:{}",
        pl.when(pl.col("year").str.len_chars() == 2).then(century).otherwise(year).cast(pl.String).str.zfill(4),
        pl.col("month").str.zfill(2),
        pl.col("day").str.zfill(2),
        hour.cast(pl.String).str.zfill(2),
        pl.col("minute").fill_null("00"),
        pl.col("second").fill_null("00"),
    )
    fraction = (pl.col("fraction").fill_null(".0").str.replace(",", ".").cast(pl.Float64) * 1e6).round().cast(pl.Int64)
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
    zone = sign * (pl.col("zone").str.slice(1, 2).cast(pl.Int64) * 60 + pl.col("zone").str.slice(-2).cast(pl.Int64))
    moments = written.str.to_datetime(USUAL, time_unit="us", strict=False) + pl.duration(microseconds=fraction)
    return parts.select((moments - pl.duration(minutes=zone.fill_null(0))).alias(text.name)).to_series()
