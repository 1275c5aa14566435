"""Attacks by files: paths that climb, pickles under every name, documents that name code, graphs that reach out."""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml

from medkd import registry
from medkd.cli import main
from medkd.data.io.archive import read_members
from medkd.data.io.load import read_array
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import SUMS, write_sums
from medkd.deploy.inference.items import find_items
from medkd.errors import InputError, RecordError
from medkd.modalities.ecg import ECG
from medkd.modalities.ecg.readers.recording_file import read_recording
from medkd.papers.verify import verify

ECGS = {"ecg": ECG()}
RUN = Path("pwned")
"""Folder that every payload would make, relative to the test's own folder."""


class Payload:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(RUN),)


@pytest.fixture(autouse=True)
def _harmless(_elsewhere: None) -> object:
    """No test may run a payload."""
    yield
    assert not RUN.exists()


@pytest.fixture
def record(shared: Path, tmp_path: Path) -> Path:
    """A real recording in a folder ``ward`` of its own: its header."""
    (folder := tmp_path / "ward").mkdir()
    source = min((shared / "data" / "ecg" / "brugada-huca" / "files").iterdir())
    for file in source.iterdir():
        shutil.copyfile(file, folder / file.name)
    return folder / f"{source.name}.hea"


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line in which a command ends, with exit code 2."""
    capsys.readouterr()
    status = main([str(word) for word in words])
    error = capsys.readouterr().err
    assert (status, error.count("\n")) == (2, 1), error
    return error


def sealed(bundle: Path) -> Path:
    """With sums that fit: as its attacker would hand it on."""
    (bundle / SUMS).unlink(missing_ok=True)
    write_sums(bundle)
    return bundle


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "..\\secret",
        "a\\..\\..\\secret",
        "..",
        "a/b/../../..",
        "//etc/passwd",
        "./../secret",
        "/proc/self/environ",
    ],
)
def test_a_manifest_leads_nowhere_else(tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str], path: str):
    (folder := tmp_path / "in").mkdir()
    for name, write in (("list.csv", pl.DataFrame.write_csv), ("list.parquet", pl.DataFrame.write_parquet)):
        write(pl.DataFrame({"sample_id": ["1"], "ecg": [path]}), folder / name)
        line = refused(capsys, "predict", bundle, folder / name, "--out", tmp_path / "out")
        assert "leads out of the manifest's folder" in line
        assert not (tmp_path / "out").exists()


def test_a_link_is_followed_as_its_owner_laid_it(record: Path, tmp_path: Path):
    """Archives are often linked together, and who runs medkd can read what the link leads to anyway: it gives no right.

    What is there is read as a record or set aside; it is never copied or shown as text.
    """
    (folder := tmp_path / "in").mkdir()
    for file in record.parent.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "passwords.hea").symlink_to("/etc/passwd")
    items = find_items(folder, ECGS, registry=registry)
    read = [read_recording(folder / f"{name}.hea") for name in items.table["ecg"] if name != "passwords"]
    assert [source.values.shape for source in read] == [(12, 1200)]
    with pytest.raises(RecordError) as caught:
        read_recording(folder / "passwords.hea")
    assert "root:" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["../other/{}", "/{}", "./{}", "..\\other\\{}", "s3://bucket/{}", "http://evil.example/{}", "~/{}"]
)
def test_a_header_leads_to_no_signal_elsewhere(record: Path, tmp_path: Path, name: str):
    """Another patient's signal under this one's name."""
    dat = f"{record.stem}.dat"
    (tmp_path / "other").mkdir()
    (record.parent / dat).rename(tmp_path / "other" / dat)
    target = str(tmp_path / "other" / dat).lstrip("/") if name == "/{}" else dat
    record.write_text(record.read_text().replace(dat, name.format(target)))
    with pytest.raises(RecordError) as caught:
        read_recording(record)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inside", ["../pwned", "/pwned", "a/../../pwned"])
def test_an_archive_writes_nowhere(tmp_path: Path, inside: str):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(inside, "x")
    with pytest.raises(InputError):
        list(read_members(tmp_path / "set.zip"))


def pickled_array(path: Path) -> None:
    np.save(path, np.array([Payload()], dtype=object), allow_pickle=True)


def plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload()))


def torch_file(path: Path) -> None:
    torch.save({"state_dict": Payload()}, path)


def old_torch_file(path: Path) -> None:
    torch.save(Payload(), path, _use_new_zipfile_serialization=False)


PICKLES = [plain_pickle, torch_file, old_torch_file]


@pytest.mark.parametrize("write", [pickled_array, plain_pickle])
def test_an_array_with_a_pickle_in_it(tmp_path: Path, write: Callable[[Path], None]):
    write(tmp_path / "values.npy")
    with pytest.raises(InputError, match="not an array"):
        read_array(tmp_path / "values.npy")


def test_golden_vectors_with_a_pickle_in_them(tmp_path: Path):
    (folder := tmp_path / "golden" / "toy").mkdir(parents=True)
    (folder / "square.json").write_text(
        '{"system": "toy", "function": "square", "cases": [{"name": "one", "inputs": ["x"]}]}'
    )
    np.savez(folder / "square.npz", **{"one/in/x": np.array([Payload()], dtype=object)})
    with pytest.raises(InputError, match="cannot be read"):
        verify(folder.parent)


@pytest.mark.parametrize("write", PICKLES)
@pytest.mark.parametrize(("name", "runtime"), [("model.safetensors", "torch"), ("model.onnx", "onnx")])
def test_weights_that_are_a_pickle(
    spoilt_bundle: Path,
    record: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    write: Callable[[Path], None],
    name: str,
    runtime: str,
):
    write(spoilt_bundle / name)
    words = ("predict", sealed(spoilt_bundle), record.parent, "--out", tmp_path / "out", "--runtime", runtime)
    assert "bundle" in refused(capsys, *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("write", PICKLES)
def test_a_checkpoint_that_is_more_than_weights(
    fast_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], write: Callable[[Path], None]
):
    config = min(fast_run.rglob("fit.yaml"))
    (tmp_path / "fit.yaml").write_text(config.read_text().replace(str(config.parent), str(tmp_path)))
    write(tmp_path / "evil.ckpt")
    line = refused(capsys, "fit", "--config", tmp_path / "fit.yaml", "--ckpt_path", tmp_path / "evil.ckpt")
    assert "evil.ckpt" in line
    assert "not foreseen" not in line
    assert not (tmp_path / "learner").exists()


NAMED = {"class_path": "os.system", "init_args": {"command": f"mkdir {RUN}"}}


def a_network(document: dict[str, object]) -> None:
    document["network"] = NAMED


def within_a_network(document: dict[str, object]) -> None:
    document["network"]["init_args"]["stem"] = NAMED


def a_modality(document: dict[str, object]) -> None:
    document["modalities"]["ecg"] = NAMED


def within_a_modality(document: dict[str, object]) -> None:
    document["modalities"]["ecg"].setdefault("init_args", {})["augment"] = [{"deep": NAMED}]


def a_trusted_name_that_is_another_thing(document: dict[str, object]) -> None:
    document["modalities"]["ecg"] = {"class_path": "medkd.cli.os.system", "init_args": {"command": f"mkdir {RUN}"}}


DOCUMENTS = [
    ("config.yaml", a_network, ("torch",)),
    ("config.yaml", within_a_network, ("torch",)),
    ("preprocess.yaml", a_modality, ("torch", "onnx")),
    ("preprocess.yaml", within_a_modality, ("torch", "onnx")),
    ("preprocess.yaml", a_trusted_name_that_is_another_thing, ("torch", "onnx")),
]


@pytest.mark.parametrize(("name", "change", "runtimes"), DOCUMENTS)
@pytest.mark.parametrize("trust", [(), ("--trust", "numpy")])
def test_a_bundle_that_names_code(
    spoilt_bundle: Path,
    record: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    change: Callable[[dict[str, object]], None],
    runtimes: tuple[str, ...],
    trust: tuple[str, ...],
):
    document = yaml.safe_load((spoilt_bundle / name).read_text())
    change(document)
    (spoilt_bundle / name).write_text(yaml.safe_dump(document))
    for runtime in runtimes:
        line = refused(
            capsys,
            "predict",
            sealed(spoilt_bundle),
            record.parent,
            "--out",
            tmp_path / "out",
            "--runtime",
            runtime,
            *trust,
        )
        assert "os.system" in line or "cannot import" in line
    assert not (tmp_path / "out").exists()


def test_a_network_that_names_code_is_not_even_read_by_onnx(spoilt_bundle: Path):
    """Under ONNX Runtime the class is neither imported nor called."""
    document = yaml.safe_load((spoilt_bundle / "config.yaml").read_text())
    a_network(document)
    (spoilt_bundle / "config.yaml").write_text(yaml.safe_dump(document))
    Bundle.load(sealed(spoilt_bundle), runtime="onnx")


@pytest.mark.parametrize(
    "text",
    [
        f"!!python/object/apply:os.system ['mkdir {RUN}']",
        f"network: !!python/object/apply:os.mkdir [{RUN}]",
        f"network: !!python/object/new:os.system ['mkdir {RUN}']",
        "network: !!python/name:os.system",
        "network: !!python/module:os",
        "network: &a [*a, *a]",
    ],
)
@pytest.mark.parametrize("name", ["config.yaml", "preprocess.yaml"])
@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_a_document_that_is_code(spoilt_bundle: Path, name: str, text: str, runtime: str):
    (spoilt_bundle / name).write_text(f"schema_version: 1\n{text}\n" if text.startswith("network") else text)
    with pytest.raises(InputError) as caught:
        Bundle.load(sealed(spoilt_bundle), runtime=runtime)
    assert "\n" not in str(caught.value)


def test_a_yaml_bomb(spoilt_bundle: Path):
    """A billion laughs: each line ten times the one before."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (spoilt_bundle / "config.yaml").write_text("schema_version: 1\n" + "\n".join(lines) + "\n")
    with pytest.raises(InputError):
        Bundle.load(sealed(spoilt_bundle))


@pytest.mark.parametrize("domain", ["evil.example", "ai.onnx.contrib", "com.microsoft.experimental"])
def test_a_graph_of_someones_own_operators(spoilt_bundle: Path, domain: str):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(spoilt_bundle / "model.onnx")
    node = onnx.helper.make_node("Run", [model.graph.output[0].name], ["out"], domain=domain, command=f"mkdir {RUN}")
    model.graph.node.append(node)
    model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    (spoilt_bundle / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="the graph cannot be opened"):
        Bundle.load(sealed(spoilt_bundle), runtime="onnx")


@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd", "learner.yaml", "http://evil.example/w"])
def test_a_graph_whose_weights_lie_elsewhere(spoilt_bundle: Path, target: str):
    onnx = pytest.importorskip("onnx")
    from onnx import external_data_helper

    model = onnx.load(spoilt_bundle / "model.onnx")
    document = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    external_data_helper.set_external_data(document, location=target, length=len(document.raw_data))
    document.ClearField("raw_data")
    (spoilt_bundle / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="keeps weights in another file"):
        Bundle.load(sealed(spoilt_bundle), runtime="onnx")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", ".hidden"])
def test_sums_name_files_of_the_bundle_alone(spoilt_bundle: Path, name: str):
    (spoilt_bundle / SUMS).write_text((spoilt_bundle / SUMS).read_text() + f"{'0' * 64}  {name}\n")
    with pytest.raises(InputError, match="was changed"):
        Bundle.load(spoilt_bundle)
