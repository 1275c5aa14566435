from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from medkd.errors import InputError, MedkdError
from medkd.papers import verify as module
from medkd.papers.verify import verify


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """A folder with ``toy/square`` (two cases) and ``toy/unknown`` (one), and an implementation of the first."""
    write(tmp_path / "g", "square", {"one": [1.0, 2.0], "two": [-3.0, 0.5]})
    write(tmp_path / "g", "unknown", {"only": [1.0]})
    monkeypatch.setattr(module, "implementations", lambda: {"toy/square": square})
    return tmp_path / "g"


def square(inputs, scale):
    return {"loss": (scale * inputs["x"] ** 2).sum(), "each": scale * inputs["x"] ** 2}


def write(folder, function, cases):
    (folder / "toy").mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name, x in cases.items():
        value = np.array(x)
        arrays |= {f"{name}/in/x": value, f"{name}/out/loss": np.array(2 * (value**2).sum())}
        arrays |= {f"{name}/out/each": 2 * value**2, f"{name}/out/grad.x": 4 * value}
    entries = [{"name": name, "params": {"scale": 2.0}, "rtol": 1e-9, "atol": 1e-12} for name in cases]
    (folder / "toy" / f"{function}.json").write_text(
        json.dumps({"system": "toy", "function": function, "cases": entries})
    )
    np.savez(folder / "toy" / f"{function}.npz", **arrays)


def last(capsys):
    return capsys.readouterr().out.splitlines()[-1]


def test_passes_and_counts_cases(golden, capsys):
    assert verify(golden) == 0
    assert last(capsys) == "2 passed, 0 failed, 1 skipped"


def test_strict_counts_skips_as_failures(golden, capsys):
    assert verify(golden, strict=True) == 1
    assert last(capsys) == "2 passed, 1 failed, 0 skipped"
    assert verify(golden, strict=True, allow_skip=["toy/unknown"]) == 0
    assert last(capsys) == "2 passed, 0 failed, 1 skipped"
    assert verify(golden, strict=True, allow_skip=["toy/*"]) == 0


def _raises(inputs, scale):
    raise RuntimeError("out of ideas")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda inputs, scale: {k: 1.001 * v for k, v in square(inputs, scale).items()}, "off by up to"),
        (lambda inputs, scale: {"loss": square(inputs, scale)["loss"]}, "each is not returned"),
        (lambda inputs, scale: square(inputs, scale) | {"each": torch.zeros(3)}, "shape (3,)"),
        (lambda inputs, scale: square(inputs, scale) | {"each": inputs["x"] * float("nan")}, "off by up to inf"),
        (lambda inputs, scale: square({"x": inputs["x"].detach()}, scale), "does not require grad"),
        (_raises, "RuntimeError: out of ideas"),
    ],
)
def test_a_wrong_function_fails_and_says_why(golden, capsys, monkeypatch, function, reason):
    monkeypatch.setattr(module, "implementations", lambda: {"toy/square": function})
    assert verify(golden) == 1
    out = capsys.readouterr().out
    assert reason in out
    assert out.splitlines()[-1] == "0 passed, 2 failed, 1 skipped"


def test_a_wrong_gradient_alone_fails(golden, capsys, monkeypatch):
    def half(inputs, scale):
        out = square(inputs, scale)
        return out | {"loss": out["loss"].detach() + 0.5 * (out["loss"] - out["loss"].detach())}

    monkeypatch.setattr(module, "implementations", lambda: {"toy/square": half})
    assert verify(golden) == 1
    assert "grad.x is off" in capsys.readouterr().out


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        verify(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no golden"):
        verify(tmp_path)


@pytest.mark.parametrize("damage", ["no npz", "truncated npz", "empty npz", "no json", "no cases", "pickle"])
def test_corrupt_folder_is_one_line(golden, damage):
    arrays, text = golden / "toy/square.npz", golden / "toy/square.json"
    if damage == "no npz":
        arrays.unlink()
    elif damage == "truncated npz":
        arrays.write_bytes(arrays.read_bytes()[:200])
    elif damage == "empty npz":
        arrays.write_bytes(b"")
    elif damage == "no json":
        text.write_text("{")
    elif damage == "no cases":
        text.write_text(json.dumps({"system": "toy", "function": "square", "cases": []}))
    else:
        np.savez(arrays, **{"one/in/x": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(InputError, match="cannot be read") as caught:
        verify(golden)
    assert "\n" not in str(caught.value)
    assert "square" in str(caught.value)


def test_a_misspelt_skip_is_named(golden):
    with pytest.raises(InputError, match="Did you mean 'toy/unknown'"):
        verify(golden, allow_skip=["toy/unknwon"])


def test_two_implementations_are_refused(monkeypatch):
    from types import SimpleNamespace

    modules = [SimpleNamespace(__name__=name, GOLDEN={"a/b": lambda: {}}) for name in ("m.one", "m.two")]
    monkeypatch.setattr(module, "_modules", lambda: iter(modules))
    with pytest.raises(MedkdError, match="twice") as caught:
        module.implementations()
    assert "m.one, m.two" in str(caught.value)


def test_published_vectors_hold(shared, capsys):
    assert verify(shared / "golden") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("standard/kd", "standard/rkd", "standard/sp"):
        assert any(line.split()[0] == name and line.endswith("passed") for line in lines), name
    assert not any(line.endswith("FAILED") for line in lines)
