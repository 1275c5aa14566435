"""What may be chosen for a run: runtime, precision, signature; and what several processes do to one folder."""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.bundle.signature import make_keys, sign
from medkd.deploy.inference.command import main
from medkd.errors import InputError
from tests.deploy.conftest import predict

ONNX = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime is not installed: pip install 'medkd[deploy]'"
)
PEAK = """
import resource, sys
from pathlib import Path
from medkd import registry
from medkd.deploy.inference.predict import predict
from medkd.deploy.inference.settings import PredictSettings
settings = PredictSettings(devices="cpu")
for manifest in sys.argv[2:]:
    predict(Path(sys.argv[1]), Path(manifest), Path(manifest).with_suffix(".out"), settings, registry=registry)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture
def manifest_of(brugada: Path, tmp_path: Path) -> Callable[[int], Path]:
    """A list of so many items: the same records over and over."""
    (tmp_path / "files").symlink_to(brugada / "files")
    names = sorted(path.name for path in (brugada / "files").iterdir())

    def make(items: int) -> Path:
        rows = [(f"{place:06d}", f"files/{names[place % 40]}/{names[place % 40]}") for place in range(items)]
        pl.DataFrame(rows, schema=["sample_id", "ecg"], orient="row").write_csv(tmp_path / f"{items}.csv")
        return tmp_path / f"{items}.csv"

    return make


def scores(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "predictions.parquet").drop("seconds")


def record(out: Path) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((out / "run.json").read_text())
    return held


@ONNX
def test_onnx_scores_as_torch_does(bundle_folder: Path, manifest_of: Callable[[int], Path], tmp_path: Path) -> None:
    source = manifest_of(40)
    for runtime in ("torch", "onnx"):
        predict(bundle_folder, source, tmp_path / runtime, runtime=runtime)
    torch, onnx = scores(tmp_path / "torch"), scores(tmp_path / "onnx")
    np.testing.assert_allclose(torch["p_brugada"], onnx["p_brugada"], atol=1e-5)
    assert record(tmp_path / "onnx")["runtime"] == "onnx"
    assert "onnxruntime" in record(tmp_path / "onnx")["versions"]
    with pytest.raises(InputError, match="was begun with another runtime: torch"):
        predict(bundle_folder, source, tmp_path / "torch", runtime="onnx")
    with pytest.raises(InputError, match=r"precision of model\.onnx"):
        predict(bundle_folder, source, tmp_path / "half", runtime="onnx", precision=16)


def test_sixteen_bits_round_and_belong_to_the_plan(
    bundle_folder: Path, manifest_of: Callable[[int], Path], tmp_path: Path
) -> None:
    source = manifest_of(40)
    for precision in (32, 16):
        predict(bundle_folder, source, tmp_path / str(precision), precision=precision, devices="cpu")
    whole, half = scores(tmp_path / "32")["p_brugada"], scores(tmp_path / "16")["p_brugada"]
    assert 1e-6 < np.abs(whole - half).max() < 0.05
    assert record(tmp_path / "16")["precision"] == 16
    with pytest.raises(InputError, match="was begun with another precision: 16"):
        predict(bundle_folder, source, tmp_path / "16", devices="cpu")


@pytest.mark.skipif(
    importlib.util.find_spec("cryptography") is None,
    reason="cryptography is not installed: pip install 'medkd[deploy]'",
)
def test_a_signature_that_was_required_is_recorded(
    bundle_folder: Path, manifest_of: Callable[[int], Path], tmp_path: Path
) -> None:
    source, mark = manifest_of(3), make_keys(tmp_path / "keys")
    key = tmp_path / "keys" / "public.pem"
    with pytest.raises(InputError, match="it is not signed"):
        predict(bundle_folder, source, tmp_path / "out", require_signed=key)
    assert not (tmp_path / "out").exists()
    signed = Path(shutil.copytree(bundle_folder, tmp_path / "signed"))
    sign(signed, tmp_path / "keys" / "private.pem")
    predict(signed, source, tmp_path / "out", require_signed=key)
    assert record(tmp_path / "out")["signed_by"] == mark
    assert record(tmp_path / "out")["bundle_sha256"] == Bundle.load(signed).bundle_sha256


def test_processes_that_merge_at_the_same_moment_write_the_same(
    bundle_folder: Path, manifest_of: Callable[[int], Path], tmp_path: Path
) -> None:
    source, out = manifest_of(300), tmp_path / "out"
    predict(bundle_folder, source, out)
    before = (scores(out), (out / "predictions.csv").read_text(), (out / "predictions.parquet").read_bytes())
    for name in ("predictions.parquet", "predictions.csv", "quarantine.csv", "run.json"):
        (out / name).unlink()
    spawn = multiprocessing.get_context("forkserver")
    spawn.set_forkserver_preload(["medkd.deploy.inference.predict", "medkd.modalities.ecg", "medkd.networks.resnet1d"])
    words = argparse.Namespace(bundle=bundle_folder, input=source, out=out)
    processes = [spawn.Process(target=main, args=(words,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert scores(out).equals(before[0])
    assert ((out / "predictions.csv").read_text(), (out / "predictions.parquet").read_bytes()) == before[1:]
    assert not list(out.rglob("*.tmp"))


def test_a_chunk_damaged_inside_is_named(
    bundle_folder: Path, manifest_of: Callable[[int], Path], tmp_path: Path
) -> None:
    source, out = manifest_of(300), tmp_path / "out"
    predict(bundle_folder, source, out)
    chunk = out / "chunks" / "00001.parquet"
    content = bytearray(chunk.read_bytes())
    content[4:600] = bytes(596)
    chunk.write_bytes(content)
    with pytest.raises(InputError, match=r"00001\.parquet is damaged.*Remove it"):
        predict(bundle_folder, source, out)


def test_memory_does_not_grow_with_the_number_of_items(bundle_folder: Path, manifest_of: Callable[[int], Path]) -> None:
    sources = [str(manifest_of(items)) for items in (1000, 4000)]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(bundle_folder), *sources], capture_output=True, text=True, check=True
    )
    few, many = (int(line) for line in done.stdout.split())
    # 3,000 records as they are read are 345 MB, prepared 12 MB.
    assert many - few < 24 * 1024


def test_the_last_lines_say_what_came_of_it(
    bundle_folder: Path, manifest_of: Callable[[int], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = argparse.Namespace(
        bundle=bundle_folder, input=manifest_of(3), out=tmp_path / "out", devices="cpu", retries=0, precision=32
    )
    assert main(given) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"3 of 3 items scored: {tmp_path / 'out' / 'predictions.csv'}. 3 now, ")
    assert printed.err == ""
    assert main(given) == 0
    assert capsys.readouterr().out == f"3 of 3 items scored: {tmp_path / 'out' / 'predictions.csv'}.\n"
    for option, value in (("engine", "spark"), ("runtime", "tensorrt"), ("precision", 8), ("retries", -1)):
        with pytest.raises(InputError, match=rf"no {option} '{value}'|--{option} is -1"):
            main(argparse.Namespace(**{**vars(given), "out": tmp_path / "other", option: value}))
    assert not (tmp_path / "other").exists()
