"""The cohort comes from the registry that is handed in, and its target must be the bundle's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medkd import registry
from medkd.data.core.target import Target
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.evaluation.external_cohort import ExternalCohort, input_shift
from medkd.errors import InputError

BRUGADA = Target("brugada", "binary", ("other",), ("a class of another name",))


class OneCohort:
    """A registry that knows the real Brugada cohort under another name."""

    def cohort(self, name: str) -> Any:
        if name != "ours":
            raise InputError(f"no cohort '{name}'", where="--cohort", remedy="Choose from: ours")
        return registry.cohort("brugada_huca")


def opened(brugada: Path | None, out: Path, target: Target = BRUGADA, name: str = "ours") -> ExternalCohort:
    return ExternalCohort.open(name, brugada, out, target, "brugada", registry=OneCohort())  # type: ignore[arg-type]


def test_samples_and_flow_are_the_cohorts_and_the_target_is_in_its_columns(brugada: Path, tmp_path: Path) -> None:
    external = opened(brugada, tmp_path)
    assert external.samples.height == 363
    assert external.flow[0][0] == "samples found"
    assert external.flow[0][1] == 363 + sum(count for _, count in external.flow[1:])
    assert external.target.columns == ("brugada",)
    assert external.target.classes == BRUGADA.classes


def test_only_the_registry_that_was_given_is_asked(brugada: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Choose from: ours"):
        opened(brugada, tmp_path, name="brugada_huca")
    with pytest.raises(InputError, match="needs its folder"):
        opened(None, tmp_path)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("brugada", "regression", ("x",)), "it is binary, the bundle's brugada is regression"),
        (Target("brugada", "binary", ("x",), units="mV"), "it is in '', the bundle's in 'mV'"),
    ],
)
def test_another_kind_of_target_is_refused(brugada: Path, tmp_path: Path, target: Target, message: str) -> None:
    with pytest.raises(InputError, match=message):
        opened(brugada, tmp_path, target)


def test_without_a_reference_there_is_no_shift(bundle_folder: Path, brugada: Path, tmp_path: Path) -> None:
    assert input_shift(Bundle.load(bundle_folder), brugada, tmp_path, registry=registry) == {}
