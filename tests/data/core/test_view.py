"""A view says exactly what a model sees, and nothing that is not a view passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medkd.data.core.view import Part, View
from medkd.errors import InputError

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
CHANNELS = st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,4}(-[A-Z][0-9])?", fullmatch=True), max_size=4).map(tuple)
HOURS = st.decimals(min_value=-400, max_value=400, places=2).map(float)
WINDOWS = st.none() | st.tuples(HOURS, HOURS).filter(lambda hours: hours[0] < hours[1])
PARTS = st.lists(
    st.builds(Part, NAMES, CHANNELS, WINDOWS), min_size=1, max_size=4, unique_by=lambda part: part.modality
)


@settings(deadline=None, max_examples=60)
@given(PARTS.map(lambda parts: View(tuple(parts))))
def test_what_is_written_is_read_back(view: View) -> None:
    assert View.parse(str(view)) == view
    assert View.parse(str(view).replace(" + ", "+").replace(",", " , ")) == view


def test_channels_and_windows_keep_their_order() -> None:
    view = View.parse("labs[-12:0.5h,HR] + ecg[II,I,aVF]+mri")
    assert view.modalities == ("labs", "ecg", "mri")
    assert view.parts == (Part("labs", ("HR",), (-12.0, 0.5)), Part("ecg", ("II", "I", "aVF")), Part("mri"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a view"),
        ("ecg[I", "not a view"),
        ("ecg]I[", "not a view"),
        ("ecg[]", "not a view"),
        ("ecg[ ]", "names nothing"),
        ("ecg[,]", "names nothing"),
        ("ecg + ", "not a view"),
        ("ecg[[I]]", "not a view"),
        ("ECG", "not a view"),
        ("../ecg", "not a view"),
        ("ecg[I] + ecg[II]", "ecg twice"),
        ("labs[24:0h]", "ends before it starts"),
        ("labs[5:5h]", "ends before it starts"),
        ("labs[0:24h,24:48h]", "two windows"),
    ],
)
def test_what_is_no_view_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as told:
        View.parse(text)
    assert "\n" not in str(told.value)
