"""Cost of ``medkd predict`` beside the network itself.

    python benchmarks/predict.py speed [--runtime onnx] [--variant small] [--items 1024]
    python benchmarks/predict.py memory [--runtime onnx]
    python benchmarks/predict.py folder

``speed``: records in memory (12 x 1,000 samples each), scored by ``predict`` - the whole call, with loading the bundle,
listing, chunk files and tables - and by a bare loop over batches that are prepared already. The two take turns; the
ratio is the median over turns. ``memory``: the largest resident memory of fresh processes that score 1,000, 10,000 and
100,000 records. ``folder``: seconds to list as many files of events in one folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from in_memory import RECORDS, InMemory, write_bundle, write_manifest

from medkd import registry
from medkd.data.core.instantiate import instantiate
from medkd.data.core.modality import Modality
from medkd.data.core.signal import observed
from medkd.deploy.bundle.bundle import Bundle
from medkd.deploy.inference.items import find_items
from medkd.deploy.inference.predict import predict
from medkd.deploy.inference.settings import DEFAULTS, PredictSettings

SIZES = (1_000, 10_000, 100_000)
TRUST = ("in_memory",)


def speed(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Items a second of both, and their ratio."""
    write_bundle(folder, arguments.variant)
    manifest = write_manifest(folder / "list.csv", arguments.items)
    bundle = Bundle.load(folder / "bundle", TRUST, runtime=arguments.runtime)
    batches = _batches(bundle)
    bare, whole = [], []
    for turn in range(arguments.rounds + 1):
        start = time.perf_counter()
        with torch.inference_mode():
            for index in range(-(-arguments.items // DEFAULTS.batch_size)):
                bundle.network({"in_memory": batches[index % len(batches)]})
        middle = time.perf_counter()
        settings = PredictSettings(trust=TRUST, runtime=arguments.runtime, devices="cpu")
        predict(folder / "bundle", manifest, folder / f"out{turn}", settings, registry=registry)
        if turn:  # the first is to warm up
            bare.append(arguments.items / (middle - start))
            whole.append(arguments.items / (time.perf_counter() - middle))
    ratio = float(np.median(np.array(whole) / np.array(bare)))
    return {
        "bare": _rounded(bare),
        "predict": _rounded(whole),
        "ratio": round(ratio, 3),
        "threads": torch.get_num_threads(),
    }


def memory(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """MiB at the peak, by number of items."""
    write_bundle(folder, "small")
    return {f"{items:,}": _peak(folder, items, arguments.runtime) for items in SIZES}


def listing(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Seconds to find the items, by number of files."""
    modality = instantiate({"class_path": "medkd.modalities.vitals.Vitals", "init_args": {}}, Modality, ("medkd",))
    found: dict[str, object] = {}
    for items in SIZES:
        place = folder / str(items)
        place.mkdir()
        for number in range(items):
            if number % 10_000 == 0:
                source = place / f"{number:07d}.csv"
                source.write_text("hours,heart_rate\n1,80\n", encoding="utf-8")
            else:
                os.link(source, place / f"{number:07d}.csv")
        start = time.perf_counter()
        assert find_items(place, {"vitals": modality}, registry=registry).table.height == items
        found[f"{items:,}"] = round(time.perf_counter() - start, 2)
    return found


def _batches(bundle: Bundle) -> list[object]:
    rows = [InMemory().read({"in_memory": number}, Path()) for number in range(RECORDS)]
    here = torch.ones(DEFAULTS.batch_size, dtype=torch.bool)
    return [
        observed(torch.from_numpy(np.stack(rows[start : start + DEFAULTS.batch_size])), here)
        for start in range(0, RECORDS, DEFAULTS.batch_size)
    ]


def _peak(folder: Path, items: int, runtime: str) -> float:
    code = (
        "import resource, sys; from pathlib import Path; from medkd import registry\n"
        "from medkd.deploy.inference.predict import predict\n"
        "from medkd.deploy.inference.settings import PredictSettings\n"
        f"settings = PredictSettings(trust={TRUST}, runtime=sys.argv[4], devices='cpu')\n"
        "done = predict(*map(Path, sys.argv[1:4]), settings, registry=registry)\n"
        f"assert done.scored == {items}\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    manifest = write_manifest(folder / f"{items}.csv", items)
    words = [sys.executable, "-c", code, str(folder / "bundle"), str(manifest), str(folder / f"out{items}"), runtime]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": path}, check=True, capture_output=True, text=True)
    return round(float(done.stdout), 1)


def _rounded(values: list[float]) -> list[int]:
    return [round(value) for value in values]


def main() -> None:
    """Measure, and print what was found."""
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory", "folder"))
    parser.add_argument("--runtime", default="torch", choices=("torch", "onnx"))
    parser.add_argument("--variant", default="xresnet1d50", choices=("small", "xresnet1d50"))
    parser.add_argument("--items", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {"speed": speed, "memory": memory, "folder": listing}[arguments.what](Path(folder), arguments)
    print(json.dumps({**vars(arguments), **found}, indent=1))


if __name__ == "__main__":
    main()
