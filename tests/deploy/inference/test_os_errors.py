"""The system's own error is found however it was wrapped, and ends in one line with what to do."""

from __future__ import annotations

import errno
from pathlib import Path

import polars as pl
import pytest

from medkd.deploy.inference.os_errors import PASSING, errno_of, one_line_refusals
from medkd.errors import InputError, RecordError

FULL = Path("/dev/full")
"""A device of Linux on which every write fails for want of room."""


def wrapped(number: int) -> Exception:
    """A system's error below two others, as a reader of a format and ours would wrap it."""
    inner, middle, outer = OSError(number, "the system's words"), ValueError("cannot decode"), RecordError("no record")
    middle.__context__, outer.__cause__ = inner, middle
    return outer


def test_the_number_is_found_below_other_errors() -> None:
    assert errno_of(wrapped(errno.ESTALE)) == errno.ESTALE
    assert errno_of(ValueError("(os error twenty-eight)")) is None
    assert errno_of(OSError("without a number")) is None


def test_a_chain_of_causes_that_leads_back_to_itself_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert errno_of(first) is None


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_pythons_and_polars_words_for_a_full_disk_are_the_same_number(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as python, FULL.open("w") as file:
        file.write("x" * 100_000)
    assert errno_of(python.value) == errno.ENOSPC
    with (
        pytest.raises(InputError, match=r"cannot write: No space left on device.*Make room, then repeat"),
        one_line_refusals(tmp_path),
    ):
        pl.DataFrame({"a": range(100_000)}).write_csv(FULL)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Make room"),
        (errno.EDQUOT, "Make room"),
        (errno.EROFS, "folder of your own"),
        (errno.EACCES, "folder of your own"),
        (errno.EIO, "Repeat the command"),
    ],
)
def test_the_remedy_fits_the_refusal(number: int, remedy: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=remedy) as refused, one_line_refusals(tmp_path):
        raise OSError(number, "the system's words", str(tmp_path / "patient-17.hea"))
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    assert "patient-17" not in str(refused.value)


def test_what_is_not_the_systems_passes_through_unchanged(tmp_path: Path) -> None:
    for error in (pl.exceptions.ComputeError("a cast failed"), KeyError("a"), wrapped(errno.ENOSPC)):
        with pytest.raises(type(error)) as passed, one_line_refusals(tmp_path):
            raise error
        assert passed.value is error


def test_what_a_record_lacks_for_good_is_not_among_what_passes() -> None:
    """A retry of these would only make the run slow, or hide a full disk."""
    assert not PASSING & {errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOSPC, errno.EROFS, errno.EINVAL}
    assert {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ECONNRESET} <= PASSING
