"""Fixtures of the browser tests: Chromium, a bundle, twelve real recordings, and ``medkd app`` that serves them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import save_file

from medkd.app.auth.accounts import Accounts
from medkd.app.storage.audit_log import open_audit_log
from medkd.app.storage.database import open_database
from medkd.data.core.target import Target
from medkd.deploy.bundle.bundle import Bundle
from medkd.evidence.calibration.conformal import Conformal
from medkd.modalities.ecg import ECG
from medkd.networks.resnet1d import ResNet1d

CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "correct horse battery"  # noqa: S105
TARGET = Target("brugada", "binary", ("brugada",), ("Brugada pattern",), rule="1 or 2 in the published table")
HOSTILE = "<img src=x onerror=window.pwned=1>"
READERS = {"anna": "reader", "ben": "reader", "cleo": "adjudicator", "dora": "admin"}
SIZE = (1366, 768)


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def curve(observed: tuple[float, ...]) -> list[dict[str, float]]:
    steps = [(index + 0.5) / len(observed) for index in range(len(observed))]
    return [
        {"predicted": p, "observed": y, "low": y - 0.05, "high": y + 0.05, "count": 60}
        for p, y in zip(steps, observed, strict=True)
    ]


@pytest.fixture(scope="package")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With random weights, but everything a card has."""
    folder = tmp_path_factory.mktemp("browser")
    torch.manual_seed(0)
    network = ResNet1d(channels=1, outputs=1)
    for module in network.modules():
        # The last normalisation of each block starts at zero: without this the network is nearly linear.
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    learner = folder / "learner"
    learner.mkdir()
    document = {
        "schema_version": 1,
        "network": {"class_path": "medkd.networks.resnet1d.ResNet1d", "init_args": {"channels": 1, "outputs": 1}},
        "view": "ecg[I]",
        "modalities": {"ecg": ECG(seconds=10.0).to_dict()},
        "target": TARGET.to_dict(),
        "statistics": {
            "ecg": {"mean": [0.01], "std": [0.2], "samples": 290, "split_sha256": "ab" * 32, "held_out": []}
        },
    }
    (learner / "learner.yaml").write_text(yaml.safe_dump(document))
    save_file(network.state_dict(), learner / "model.safetensors")
    drawn = np.random.default_rng(0).uniform(size=(200, 1))
    sets = Conformal.fit(drawn, (np.random.default_rng(1).uniform(size=(200, 1)) < drawn).astype(float), TARGET)
    metrics = {"sensitivity": figure(0.8), "specificity": figure(0.7)}
    report = {
        "schema_version": 1,
        "task": "ecg_lead",
        "cohort": "brugada_huca",
        "metric": "auroc",
        "protocol": "kfold:5",
        "verdict": "no evidence",
        "sentence": f"No evidence {HOSTILE}",
        "n": {"test": 363},
        "arms": {"student": figure(0.77) | {"metrics": metrics}},
        "calibration": {
            "student": {"classes": {"Brugada pattern": {"reliability": curve((0.1, 0.25, 0.5, 0.75, 0.9))}}}
        },
        "subgroups": [
            {"by": "sex", "group": "female", "n": 120, "suppressed": False, "reason": "", "value": figure(0.6)}
        ],
        "leak_audit": [{"check": "no subject in two parts of a split", "passed": True}],
    }
    calibration = {"temperature": 1.7, "threshold": 0.31, "obtained": "inner validation", "conformal": sets.to_dict()}
    Bundle.write(folder / "bundle", learner, calibration, report)
    return folder / "bundle"


@pytest.fixture(scope="package")
def records(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven recordings of Brugada-HUCA, a twelfth whose name is a script, and a broken one."""
    folder = tmp_path_factory.mktemp("records")
    sources = sorted((shared / "data" / "ecg" / "brugada-huca" / "files").iterdir())[:12]
    for index, record in enumerate(sources):
        for file in record.iterdir():
            shutil.copyfile(file, folder / (f"{HOSTILE}.hea" if index == 11 and file.suffix == ".hea" else file.name))
    (folder / "broken.hea").write_text("broken 12 100 1200\n")
    return folder


@pytest.fixture(scope="package")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts ``medkd app`` with these words and the readers' accounts; gives its address."""
    running: list[subprocess.Popen[str]] = []

    def start(*words: str | Path) -> str:
        data = tmp_path_factory.mktemp("viewer") / "app"
        database = open_database(None, data)
        accounts = Accounts(database, open_audit_log(database, data))
        for name, role in READERS.items():
            accounts.add(name, PASSWORD, role, identifiers=name == "cleo")
        database.dispose()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "medkd.cli", "app", *map(str, words), "--data", str(data), "--port", str(port)]
        environment = os.environ | {"MEDKD_APP_PASSWORD": PASSWORD, "OMP_NUM_THREADS": "1"}
        server = subprocess.Popen(
            command, env=environment, cwd=data.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        running.append(server)
        assert server.stdout is not None
        output = []
        for line in server.stdout:
            output.append(line)
            if line.startswith("Open http"):
                return line.split()[1].rstrip("/")
        raise AssertionError("".join(output))

    yield start
    for server in running:
        server.terminate()
        server.communicate(timeout=20)


@pytest.fixture(scope="package")
def address(serve: Callable[..., str], bundle: Path, records: Path, browser: Any) -> str:
    return serve(bundle, "--cases", records)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium (Debian: apt install chromium)")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


class Reader:
    """One user with a browser of their own, whose requests and messages are recorded."""

    def __init__(self, context: Any, address: str) -> None:
        self.context = context
        self.page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.outside: list[str] = []
        self.problems: list[str] = []
        self.bodies: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)
        self.page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda box: (self.problems.append(box.message), box.dismiss()))
        self._host = address.removeprefix("http://")
        self.page.goto("/")

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        self.page.fill("[name=name]", name)
        self.page.fill("[name=password]", password)
        self.page.click("button[type=submit]")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("data:", "blob:", f"http://{self._host}/")):
            self.outside.append(request.url)

    def _answered(self, response: Any) -> None:
        if "/gradio_api/" in response.url:
            self.bodies.append(response.text())

    def open(self, case: int) -> None:
        self.page.goto(f"/?case={case}")
        self.page.wait_for_selector(f"#at-case-{case}")
        self.page.wait_for_selector("#figure .main-svg >> nth=0")

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def give_reading(self, key: str = "y") -> None:
        self.keys(key)
        self.page.wait_for_selector(".answer input:checked")
        self.keys("Enter")
        self.page.wait_for_selector("#model-view .main-svg >> nth=0")

    def close(self) -> None:
        """Close the page; no request may have gone to another host, and the browser may have reported no error."""
        self.page.close()
        assert self.outside == []
        assert self.problems == []


@pytest.fixture(scope="package")
def contexts(browser: Any, address: str) -> dict[tuple[str, tuple[int, int]], Any]:
    """The browser of each reader, in which they stay logged in from test to test."""
    return {}


@pytest.fixture
def reader(
    browser: Any, address: str, contexts: dict[tuple[str, tuple[int, int]], Any]
) -> Iterator[Callable[..., Reader]]:
    """Opens pages of readers who are logged in; checks their requests when the test ends."""
    open_ones: list[Reader] = []

    def sit_down(name: str, size: tuple[int, int] = SIZE) -> Reader:
        known = contexts.get((name, size))
        context = known or contexts.setdefault((name, size), new_context(browser, address, size))
        open_ones.append(Reader(context, address))
        if known is None:
            open_ones[-1].log_in(name)
        open_ones[-1].page.wait_for_selector("tr.row")
        return open_ones[-1]

    yield sit_down
    for one in open_ones:
        one.close()


@pytest.fixture
def stranger(browser: Any) -> Callable[[str], Reader]:
    """Opens a page at an address in a browser of its own, where nobody has logged in."""
    return lambda address: Reader(new_context(browser, address), address)


@pytest.fixture
def hostile() -> str:
    """The twelfth recording's name."""
    return HOSTILE


@pytest.fixture(scope="package")
def crowded(bundle: Path, records: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A manifest of 10,000 cases that share the recordings, and a finished run of predictions of them."""
    loaded = Bundle.load(bundle)
    names = sorted(path.stem for path in records.glob("1*.hea"))
    count = 10_000
    folder = tmp_path_factory.mktemp("crowd")
    manifest = records / "crowd.csv"
    ids = [f"case{index:05d}" for index in range(count)]
    pl.DataFrame({"sample_id": ids, "ecg": [names[index % len(names)] for index in range(count)]}).write_csv(manifest)
    p = np.random.default_rng(0).uniform(size=count)
    table = pl.DataFrame(
        {
            "sample_id": ids,
            "p_Brugada pattern": p,
            "p_cal_Brugada pattern": p,
            "set": pl.Series([None] * count, dtype=pl.String),
            "drift": p * 1.2,
            "model_sha256": loaded.model_sha256,
            "seconds": 0.0,
            "status": "ok",
        }
    )
    table.write_parquet(folder / "predictions.parquet")
    return manifest, folder


def new_context(browser: Any, address: str, size: tuple[int, int] = SIZE) -> Any:
    return browser.new_context(viewport={"width": size[0], "height": size[1]}, base_url=address)
