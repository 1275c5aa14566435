from __future__ import annotations

import pytest

from medkd.errors import InputError
from medkd.evidence.settings import EvidenceSettings


@pytest.mark.parametrize("wrong", [{"confidence": 95}, {"replicates": 0}, {"age_bands": (65, 40)}, {"min_group": 0}])
def test_a_value_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong)).split("_")[0]):
        EvidenceSettings(**wrong)


def test_lists_from_yaml_become_tuples() -> None:
    assert EvidenceSettings(age_bands=[50, 70], subgroups=["sex"]).age_bands == (50, 70)
