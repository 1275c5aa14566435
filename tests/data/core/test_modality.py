"""The contract of a modality: defaults, digests, and what the engine reads of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import LengthPolicy, Modality, Traits
from medkd.data.core.view import Part
from medkd.errors import InputError


@dataclass(frozen=True)
class Pulse(Modality):
    """The smallest modality there can be: five methods."""

    seconds: float = 2.0
    corners: tuple[float, float] = (0.5, 8.0)
    augment_noise: float = 0.0

    name: ClassVar[str] = "pulse"

    def read(self, row: Mapping[str, Any], root: Path) -> Any:
        return np.loadtxt(root / row["pulse"], ndmin=2).T

    def select(self, raw: Any, part: Part) -> Any:
        return raw

    def prepare(self, raw: Any) -> NDArray[np.float32]:
        return np.asarray(raw[:, :200], np.float32)

    def shape(self, part: Part) -> tuple[int, ...]:
        return (1, 200)


@dataclass(frozen=True)
class Beat(Pulse):
    """Traits that depend on a field, and a choice of lengths."""

    longer: str = "crop"
    per_position: bool = False

    @property
    def traits(self) -> Traits:
        return Traits(aligned=self.per_position)

    @property
    def length_policy(self) -> LengthPolicy:
        return LengthPolicy(longer=self.longer)


@dataclass(frozen=True)
class Codes(Pulse):
    """Traits as a class attribute."""

    traits: ClassVar[Traits] = Traits(partial=True, identifying=False, measured=False)


def test_defaults_are_those_of_a_measured_complete_signal_of_one_length() -> None:
    pulse = Pulse()
    assert pulse.traits == Traits(aligned=False, partial=False, identifying=True, measured=True)
    assert pulse.length_policy == LengthPolicy(longer=None, shorter=None)
    assert pulse.display(np.zeros((1, 300)), Part("pulse")) is None
    assert pulse.sample_augmentation(np.random.default_rng(0), 3) == {}
    with pytest.raises(InputError, match="pulse cannot be found in a folder"):
        pulse.find(Path())


def test_prediction_sees_one_window_by_default() -> None:
    raw = np.arange(300.0)[None]
    assert Pulse().windows(raw).shape == (1, 1, 200)
    assert Pulse().windows(raw).dtype == np.float32
    np.testing.assert_array_equal(Pulse().windows(raw)[0], Pulse().prepare(raw))


def test_traits_may_be_a_property_or_a_class_attribute_and_are_never_a_field() -> None:
    assert [Beat(per_position=on).traits.aligned for on in (False, True)] == [False, True]
    assert Codes().traits.partial
    assert "traits" not in {**vars(Codes()), **vars(Beat())}


def test_the_digest_changes_with_preparation_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = Pulse().digest
    assert Pulse(augment_noise=0.3).digest == digest
    others = {replace(Pulse(), seconds=3.0).digest, replace(Pulse(), corners=(0.5, 9.0)).digest, Codes().digest}
    monkeypatch.setattr(Pulse, "revision", 2)
    assert len(others | {digest, Pulse().digest}) == 5


def test_plain_values_make_an_equal_one() -> None:
    beat = Beat(seconds=3.0, longer="windows")
    document = beat.to_dict()
    assert document["init_args"]["corners"] == [0.5, 8.0]
    assert instantiate(document, Modality, (__name__.split(".")[0],)) == beat


def test_a_modality_without_one_of_its_five_parts_cannot_be_made() -> None:
    class Nothing(Modality):
        name = "nothing"

    with pytest.raises(TypeError, match="prepare"):
        Nothing()  # type: ignore[abstract]
