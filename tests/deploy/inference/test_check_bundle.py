"""Checks say of one bundle what holds, what fails, and what could not be looked at here."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from medkd import registry
from medkd.cli import main
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.checksums import write_sums
from medkd.deploy.bundle.signature import make_keys, sign
from medkd.deploy.inference.check_bundle import BundleCheck
from medkd.errors import InputError


@pytest.fixture
def copy(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_check_prints_a_line_a_check(
    copy: Path, brugada: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [path.name for path in sorted((brugada / "files").iterdir())[:5]]
    (tmp_path / "records").mkdir()
    for name in rows:
        shutil.copytree(brugada / "files" / name, tmp_path / "records" / name)
    (tmp_path / "records" / "broken.hea").write_text("no header\n")
    assert main(["bundle", "check", str(copy), "--input", str(tmp_path / "records")]) == 0
    found = lines(capsys)
    assert [line.partition(":")[0] for line in found] == [
        "ok       whole",
        "ok       schema versions",
        "ok       opens by torch",
        "ok       opens by onnx",
        "ok       onnx equals torch on made input",
        f"ok       onnx equals torch on {tmp_path / 'records'}",
    ]
    assert "calibration.json 2" in found[1]
    assert found[-1].endswith("over 5 of 6 records")


def test_a_graph_of_another_network_is_found_out(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.load(copy / "model.onnx")
    held = next(
        tensor for tensor in model.graph.initializer if tensor.dims and tensor.data_type == onnx.TensorProto.FLOAT
    )
    held.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(held) * 1.01, held.name))
    (copy / "model.onnx").write_bytes(model.SerializeToString())
    write_sums(copy)
    assert main(["bundle", "check", str(copy)]) == 1
    failed = [line for line in lines(capsys) if line.startswith("FAILED")]
    assert len(failed) == 1
    assert failed[0].startswith("FAILED   onnx equals torch on made input: logits lie")


def test_records_that_cannot_be_read_are_no_agreement(
    copy: Path, brugada: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "records").mkdir()
    for suffix in ("hea", "dat"):
        content = (brugada / "files" / "1009874" / f"1009874.{suffix}").read_bytes()
        (tmp_path / "records" / f"1009874.{suffix}").write_bytes(content if suffix == "hea" else content[:100])
    check = BundleCheck(copy, registry=registry)
    assert check.run(source=tmp_path / "records") == 1
    found = lines(capsys)
    assert found[-1].startswith(f"FAILED   onnx equals torch on {tmp_path / 'records'}: none of 1 records")
    assert check.failed == 1
    assert sum(line.startswith("ok") for line in found) == len(found) - 1


def test_a_signature_is_of_the_key_that_was_asked_for(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = make_keys(tmp_path / "ours")
    make_keys(tmp_path / "theirs")
    sign(copy, tmp_path / "ours" / "private.pem")
    assert BundleCheck(copy, registry=registry).run(key=tmp_path / "ours" / "public.pem") == 0
    assert f"ok       signature: by the key {mark}" in lines(capsys)
    with pytest.raises(InputError, match="signed") as refused:
        BundleCheck(copy, registry=registry).run(key=tmp_path / "theirs" / "public.pem")
    assert refused.value.exit_code == 2


def test_a_runtime_that_is_not_installed_is_skipped_and_does_not_fail(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = Bundle.load.__func__  # type: ignore[attr-defined]

    def without_onnx(folder: Path, trust: tuple[str, ...] = (), *, runtime: str = "torch") -> Bundle:
        if runtime == "onnx":
            raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime.capi")
        return load(Bundle, folder, trust, runtime=runtime)

    monkeypatch.setattr(Bundle, "load", without_onnx)
    assert BundleCheck(copy, registry=registry).run() == 0
    found = lines(capsys)
    assert [line.split()[0] for line in found] == ["ok", "ok", "ok", "skipped", "skipped"]
    assert "package 'onnxruntime' is not installed" in found[3]
    assert "medkd[" in found[3]


def test_a_class_of_a_package_that_is_not_trusted_fails_without_being_imported(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = copy / "config.yaml"
    config.write_text(config.read_text().replace("medkd.networks.resnet1d", "antigravity.resnet1d"))
    write_sums(copy)
    assert BundleCheck(copy, registry=registry).run() == 1
    found = lines(capsys)
    assert found[2].startswith("FAILED   opens by torch: class 'antigravity.resnet1d.ResNet1d' is outside")
    assert found[3].startswith("ok       opens by onnx"), "the graph needs no class"
    assert "antigravity" not in sys.modules
