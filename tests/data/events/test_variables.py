"""Tables of variables: units and names, with a factor or a line for each other unit."""

from __future__ import annotations

from pathlib import Path

from medkd.data.events.variables import Variable, variables_in


def test_a_table_is_read_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "variables.yaml").write_text(
        "temperature: {unit: Cel, low: 25, high: 45, units: {DEGF: [0.5556, -17.78], K: [1, -273.15]}, names: [Temp]}\n"
        "weight: {unit: kg, low: 1, high: 400, units: {Lb: 0.4536}}\n"
    )
    table = variables_in(tmp_path / "variables.yaml")
    assert list(table) == ["temperature", "weight"]
    units = {"degf": (0.5556, -17.78), "k": (1.0, -273.15)}
    assert table["temperature"] == Variable("Cel", 25.0, 45.0, units, ("Temp",))
    assert table["weight"].units == {"lb": (0.4536, 0.0)}
    assert table["weight"].names == ()
