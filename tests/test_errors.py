"""Errors: the one line that a user reads, and what of it survives a process boundary."""

from __future__ import annotations

import pickle

import pytest

from medkd.errors import SHOWN, CheckFailed, InputError, MedkdError, RecordError, nearest


@pytest.mark.parametrize(
    ("what", "where", "remedy", "line"),
    [
        ("no such file", "", "", "no such file."),
        ("no such file.", "fit.yaml", "", "no such file (fit.yaml)."),
        ("no such file", "fit.yaml", "Give another.", "no such file (fit.yaml). Give another."),
        (" no task 'x' ", "", "Did you mean 'y'?", "no task 'x'. Did you mean 'y'?"),
        ("no task 'x'", "", "Did you mean 'y'? ", "no task 'x'. Did you mean 'y'?"),
    ],
)
def test_the_line_is_punctuated_once_however_its_parts_end(what: str, where: str, remedy: str, line: str):
    assert str(MedkdError(what, where=where, remedy=remedy)) == line


@pytest.mark.parametrize("kind", [MedkdError, InputError, RecordError, CheckFailed])
def test_an_error_of_a_worker_process_arrives_as_it_was_raised(kind: type[MedkdError]):
    error = kind("cannot be read", where="record 7", remedy="Remove it?")
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own object)
    assert type(arrived) is kind
    assert str(arrived) == str(error) == "cannot be read (record 7). Remove it?"
    assert (arrived.what, arrived.where, arrived.remedy) == ("cannot be read", "record 7", "Remove it?")


def test_a_wrong_record_is_wrong_input_and_a_failed_check_is_not():
    assert issubclass(RecordError, InputError)
    assert not issubclass(CheckFailed, InputError)
    assert (RecordError.exit_code, InputError.exit_code, CheckFailed.exit_code) == (2, 2, 1)


def test_where_no_name_is_near_the_first_few_are_listed_in_order_and_the_others_counted():
    names = [f"c{number:02d}" for number in range(SHOWN + 3)]
    remedy = nearest("zzz", reversed(names))
    assert remedy == f"Choose from: {', '.join(names[:SHOWN])} and 3 more"
    assert nearest("zzz", names[:SHOWN]) == f"Choose from: {', '.join(names[:SHOWN])}"


def test_of_several_near_names_the_nearest_is_named():
    assert nearest("demo_egc", ["demo_cgm", "demo_ecg", "demo_icu"]) == "Did you mean 'demo_ecg'?"
