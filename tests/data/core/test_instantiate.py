"""Only trusted classes of the right kind are ever imported or called."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medkd.data.core.instantiate import check_trusted, instantiate
from medkd.data.core.modality import Modality
from medkd.data.core.model_input import ModelInput
from medkd.data.core.view import Part, View
from medkd.errors import InputError
from medkd.modalities.ecg import ECG
from medkd.networks.network import Network
from medkd.networks.resnet1d import ResNet1d


def test_what_a_modality_writes_is_what_it_is_made_from() -> None:
    ecg = ECG(seconds=5.0, bandpass=(0.0, 30.0), leads=("I", "V6"))
    assert instantiate(ecg.to_dict(), Modality) == ecg


def test_arguments_whose_type_is_a_class_are_made_in_their_turn() -> None:
    spec = {
        "class_path": "medkd.data.core.model_input.ModelInput",
        "init_args": {
            "view": "ecg[I]",
            "modalities": {"ecg": {"class_path": "medkd.modalities.ecg.ECG", "init_args": {"seconds": 3.0}}},
        },
    }
    assert instantiate(spec, ModelInput) == ModelInput("ecg[I]", {"ecg": ECG(seconds=3.0)})


def test_a_list_of_objects_becomes_the_tuple_that_is_asked_for() -> None:
    part = {"class_path": "medkd.data.core.view.Part", "init_args": {"modality": "ecg", "selector": ["I", "II"]}}
    assert instantiate({"class_path": "medkd.data.core.view.View", "init_args": {"parts": [part]}}, View) == View.parse(
        "ecg[I,II]"
    )


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose name begins like ours, and that leaves a trace when it is imported."""
    trace = tmp_path / "trace"
    package = tmp_path / "medkd_evil"
    package.mkdir()
    (package / "__init__.py").write_text(f"open({str(trace)!r}, 'w').close()\nclass Thing:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return trace


def test_a_package_that_is_not_trusted_is_not_imported(evil: Path) -> None:
    with pytest.raises(InputError, match=r"medkd_evil\.Thing' is outside the allowed packages"):
        instantiate({"class_path": "medkd_evil.Thing"}, object)
    nested = {"class_path": "medkd.data.core.view.Part", "init_args": {"modality": {"class_path": "medkd_evil.Thing"}}}
    with pytest.raises(InputError, match="outside the allowed packages"):
        instantiate(nested, Part)
    assert not evil.exists()
    assert "medkd_evil" not in sys.modules
    assert (
        type(instantiate({"class_path": "medkd_evil.Thing"}, object, trust=("medkd", "medkd_evil"))).__name__ == "Thing"
    )
    assert evil.exists()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("os.system", "outside the allowed packages"),
        ("medkd.data.io.atomic.os.system", "cannot import"),
        ("medkd.data.io.atomic.shutil", "is not a Network"),
        ("medkd.data.io.atomic.write_text", "is not a Network"),
        ("medkd.networks.network.Network", "is abstract"),
        ("medkd.networks.resnet1d.ResNet", "Did you mean 'ResNet1d'"),
        ("medkd.networks.nothing.Net", "cannot import"),
        ("ResNet1d", "not the dotted name"),
        ("medkd.networks; import os", "not the dotted name"),
        (["medkd"], "not the dotted name"),
    ],
)
def test_a_name_that_is_no_such_class_is_refused_before_it_is_called(path: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        instantiate({"class_path": path, "init_args": {"command": "touch oops"}}, Network)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_trusted_module_merely_imported_stays_outside() -> None:
    with pytest.raises(InputError, match="comes from pathlib"):
        instantiate({"class_path": "medkd.data.io.digest.Path"}, object)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 1, "outputs": 1, "varient": "small"}, "Did you mean 'variant'"),
        ({"channels": 1}, "needs outputs"),
        ({"channels": 1, "outputs": object()}, "is not a plain value"),
        (
            {"channels": {"class_path": "medkd.data.core.view.Part"}, "outputs": 1},
            "an object stands where channels is a plain value",
        ),
        ({"channels": "one", "outputs": 1}, "does not take these arguments"),
        ([1, 1], "not names with values"),
    ],
)
def test_arguments_that_do_not_fit_end_in_one_line(arguments: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        instantiate({"class_path": "medkd.networks.resnet1d.ResNet1d", "init_args": arguments}, Network)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_keys_beside_class_path_are_refused() -> None:
    with pytest.raises(InputError, match="unknown key 'init_arg'"):
        instantiate({"class_path": "medkd.networks.resnet1d.ResNet1d", "init_arg": {}}, ResNet1d)


def test_every_class_of_a_document_is_checked_wherever_it_stands() -> None:
    document = {"a": [{"b": {"class_path": "medkd.x.Y", "init_args": {"c": [{"class_path": "subprocess.Popen"}]}}}]}
    with pytest.raises(InputError, match=r"subprocess\.Popen"):
        check_trusted(document, ("medkd",))


@dataclass
class Unresolvable:
    """Its type is imported for type checkers only."""

    size: "NotImportedHere"  # type: ignore[name-defined]  # noqa: F821, UP037


def test_a_type_that_cannot_be_resolved_leaves_a_plain_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["medkd.data.core.view"], "Unresolvable", Unresolvable, raising=False)
    monkeypatch.setattr(Unresolvable, "__module__", "medkd.data.core.view")
    made = instantiate({"class_path": "medkd.data.core.view.Unresolvable", "init_args": {"size": 3}}, Unresolvable)
    assert made.size == 3
