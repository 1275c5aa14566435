"""Tables of variables: names, units and limits are consistent within a modality and between modalities."""

from __future__ import annotations

import itertools

import pytest

from medkd.data.events.grid import Grid
from medkd.modalities.labs import Labs
from medkd.modalities.nursing import Nursing
from medkd.modalities.vitals import Vitals

KINDS = (Vitals, Labs, Nursing)


@pytest.mark.parametrize("kind", KINDS)
def test_limits_are_in_order_and_no_name_means_two_things(kind: type[Grid]) -> None:
    table = kind.table()
    assert all(variable.low < variable.high for variable in table.values())
    names = list(
        itertools.chain.from_iterable(
            {name.lower(), *map(str.lower, variable.names)} for name, variable in table.items()
        )
    )
    assert len(names) == len(set(names))
    assert all(variable.unit.lower() not in variable.units for variable in table.values())


def test_no_name_belongs_to_two_modalities() -> None:
    names = [
        {alias.lower() for name, variable in kind.table().items() for alias in (name, *variable.names)}
        for kind in KINDS
    ]
    assert not any(one & other for one, other in itertools.combinations(names, 2))
