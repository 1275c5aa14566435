"""A bundle under ONNX Runtime: the same door, and none of the network's own code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import yaml
from onnx import external_data_helper

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import write_sums
from medkd.deploy.bundle.onnx.export import TOLERANCE, difference
from medkd.deploy.bundle.onnx.network import OnnxNetwork
from medkd.errors import InputError
from medkd.extras import requirements

ALONE = """
import importlib.metadata, json, sys
from pathlib import Path

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in set(sys.argv[4].split(",")):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Absent())
from medkd.deploy.bundle.bundle import Bundle
bundle = Bundle.load(Path(sys.argv[1]), runtime=sys.argv[2])
values = json.loads(sys.argv[3])
import numpy as np
part = bundle.view.parts[0]
name, shape = part.modality, bundle.modalities[part.modality].shape(part)
prepared = {name: np.resize(np.array(values, np.float32), (1, *shape))}
print(float(bundle.logits([prepared])[0, 0]))
"""
IMPORTED = {
    "open_clip_torch": "open_clip",
    "pillow": "PIL",
    "argon2-cffi": "argon2",
    "psycopg": "psycopg",
    "fhir.resources": "fhir",
}
VALUES = [0.1, -0.4, 1.2, 0.3, float(60), 7.5]


@pytest.fixture
def copy(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


def test_a_bundle_scores_the_same_in_batches_of_any_size_with_places_left_free(
    bundle_folder: Path, brugada: Path
) -> None:
    bundle = Bundle.load(bundle_folder, runtime="onnx")
    assert isinstance(bundle.network, OnnxNetwork)
    names = sorted(path.name for path in (brugada / "files").iterdir())[:9]
    prepared = [bundle.prepare({"ecg": f"files/{name}/{name}"}, brugada) for name in names]
    together = bundle.logits(prepared, rows=4)
    assert np.ptp(together) > 0.1
    for place in range(9):
        alone = bundle.logits([prepared[place] if index == place else None for index in range(9)], rows=4)
        assert alone[place] == together[place]
    assert bundle.to("cpu").logits(prepared, rows=4).tolist() == together.tolist()


def test_the_digest_is_of_the_graph_that_was_run(bundle_folder: Path) -> None:
    by_torch, by_onnx = (Bundle.load(bundle_folder, runtime=runtime) for runtime in ("torch", "onnx"))
    assert by_torch.bundle_sha256 == by_onnx.bundle_sha256
    lines = dict(reversed(line.split("  ")) for line in (bundle_folder / "SHA256SUMS").read_text().splitlines()[1:])
    assert (by_torch.model_sha256, by_onnx.model_sha256) == (lines["model.safetensors"], lines["model.onnx"])


def test_threads_are_torchs(bundle_folder: Path) -> None:
    session = Bundle.load(bundle_folder, runtime="onnx").network._session
    assert session.get_session_options().intra_op_num_threads == torch.get_num_threads()


def test_the_class_of_the_network_is_neither_imported_nor_needed(copy: Path) -> None:
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["network"] = {"class_path": "nobody.knows.This", "init_args": {}}
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    write_sums(copy)
    with pytest.raises(InputError, match="outside the allowed packages"):
        Bundle.load(copy)
    assert np.isfinite(Bundle.load(copy, runtime="onnx").logits([{"ecg": np.ones((1, 1, 1000), np.float32)}])).all()


def _absent(copy: Path) -> None:
    (copy / "model.onnx").unlink()


def _no_graph(copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"no graph at all")


def _cut(copy: Path) -> None:
    content = (copy / "model.onnx").read_bytes()
    (copy / "model.onnx").write_bytes(content[: len(content) // 2])


def _outside(copy: Path) -> None:
    model = onnx.load(copy / "model.onnx")
    (copy.parent / "passwords").write_bytes(bytes(1 << 20))
    held = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    external_data_helper.set_external_data(held, location="../passwords", length=len(held.raw_data))
    held.ClearField("raw_data")
    (copy / "model.onnx").write_bytes(model.SerializeToString())


def _another_view(copy: Path) -> None:
    model = onnx.load(copy / "model.onnx")
    for node in model.graph.node:
        node.input[:] = ["eeg" if name == "ecg" else name for name in node.input]
    model.graph.input[0].name = "eeg"
    (copy / "model.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_absent, "file 'model.onnx' is missing"),
        (_no_graph, "the graph cannot be opened"),
        (_cut, "the graph cannot be opened"),
        (_outside, "the graph keeps weights in another file"),
        (_another_view, "the graph takes eeg, the view gives ecg"),
    ],
)
def test_a_graph_that_cannot_be_used_ends_in_one_line(copy: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(copy)
    write_sums(copy)
    with pytest.raises(InputError) as caught:
        Bundle.load(copy, runtime="onnx").logits([{"ecg": np.ones((1, 1, 1000), np.float32)}])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_runtime_and_no_onnxruntime(bundle_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no runtime 'onxx'.*Did you mean 'onnx'"):
        Bundle.load(bundle_folder, runtime="onxx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match="onnxruntime"):
        Bundle.load(bundle_folder, runtime="onnx")


@pytest.mark.parametrize(
    ("kind", "runtime", "kept"), [("ecg", "torch", ()), ("ecg", "onnx", ("deploy",)), ("trees", "onnx", ("deploy",))]
)
def test_a_bundle_opens_without_any_extra_that_it_does_not_need(
    kind: str, runtime: str, kept: tuple[str, ...], bundle_folder: Path, trees_folder: Path
) -> None:
    folder = {"ecg": bundle_folder, "trees": trees_folder}[kind]
    held = requirements()
    needed = {requirement.name for extra in ("", *kept) for requirement in held[extra]}
    absent = {requirement.name for extra, part in held.items() if extra != "dev" for requirement in part} - needed
    names = {IMPORTED.get(name, name.replace("-", "_")) for name in absent} | {"onnxscript", "onnxmltools"}
    assert {"gradio", "transformers", "lightgbm", "wfdb", "ray"} <= names
    words = [sys.executable, "-c", ALONE, str(folder), runtime, str(VALUES), ",".join(names)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here = Bundle.load(folder)
    shape = here.modalities[here.view.parts[0].modality].shape(here.view.parts[0])
    prepared = {here.view.parts[0].modality: np.resize(np.array(VALUES, np.float32), (1, *shape))}
    assert difference(here.logits([prepared])[:1, :1], np.array([[float(done.stdout)]])) <= TOLERANCE
