"""Fifty readers at once in front of ``medkd app``, then a server that is killed under them.

    python benchmarks/viewer_load.py [--run runs/demo] [--readers 50] [--seconds 60] [--kill-seconds 45] [--think 2 4]
    [--once]

The server is the command itself, on the bundle of a run and a hundred of its records, with SQLite and argon2 as they
come; the readers are threads of this process, so both share the machine. Each logs in from an address of their own and
then, as fast as a person at speed, opens a case, gives a reading, looks at the model's output and gives a verdict, by
the requests that the pages send. First without disturbance; then the server is killed (SIGKILL) in the middle and
started again. Every verdict that was acknowledged must be in the database afterwards, and the audit log whole. Exits
with 1 where one is lost, a request failed, or the log is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import numpy as np
import polars as pl
import yaml

from medkd.app.auth.accounts import Accounts
from medkd.app.storage.audit_log import open_audit_log
from medkd.app.storage.database import open_database
from medkd.app.storage.reviews import Reviews

# By its folder: other distributions install a package named tests, which would be found instead of ours.
sys.path.append(str(Path(__file__).parents[1] / "tests" / "app"))
from visitor import Visitor

RECORDS = 100
GOOD = "correct horse battery"
_SETTLES = 2.0
"""Seconds after its start in which a request that met the dead server may still fail."""
_T = TypeVar("_T")


class Server:
    """``medkd app`` as a process of its own, on a port that stays the same when it is started again."""

    def __init__(self, bundle: Path, cases: Path, data: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        words = ["app", str(bundle), "--cases", str(cases), "--data", str(data), "--port", str(self.port)]
        self._command = [sys.executable, "-m", "medkd.cli", *words]
        self.log = data.with_name("server.log")

    def start(self) -> float:
        """Seconds until it answers."""
        begun = time.perf_counter()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=log, stderr=log
            )
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).raise_for_status()
            except httpx.HTTPError:
                if self._process.poll() is not None:
                    sys.exit(self.log.read_text(encoding="utf-8"))
                time.sleep(0.1)
            else:
                return time.perf_counter() - begun

    def kill(self) -> None:
        """As a power cut would, as far as a process can tell."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> float:
        """Seconds of processor time that it took since its start; 0 where it is dead already."""
        if self._process.poll() is not None:
            return 0.0
        held = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        self._process.terminate()
        self._process.wait(30)
        return (int(held[11]) + int(held[12])) / os.sysconf("SC_CLK_TCK")


class Reader:
    """One person: logs in, reads case after case until the time is over, and remembers what was acknowledged."""

    def __init__(self, number: int, port: int, think: tuple[float, float], question: str, cases: int) -> None:
        self.name = f"reader{number:02d}"
        self.acknowledged: dict[int, tuple[str, str]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.errors: list[str] = []
        self.cut_off = 0
        self._port, self._think, self._question, self._cases = port, think, question, cases
        self._chance = np.random.default_rng(number)
        # A machine of their own each: the viewer counts failed logins by address.
        transport = httpx.HTTPTransport(local_address=f"127.0.0.{2 + number}")
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=60)
        self._visitor = Visitor(self._http)
        self._case = number * cases // 50 % cases + 1

    def work(self, until: float, may_fail: Callable[[], bool]) -> None:
        """Read until then; ``may_fail`` says whether the server may be away."""
        time.sleep(self._chance.uniform(0, self._think[1]))
        is_in = bool(self.acknowledged)
        while time.monotonic() < until:
            try:
                if not is_in:
                    self._come_in()
                    is_in = True
                self._read_one(until)
            except (httpx.HTTPError, AssertionError, KeyError) as error:
                if not may_fail():
                    self.errors.append(f"{type(error).__name__}: {str(error)[:150]}")
                    time.sleep(1)
                    continue
                # What a person does: load the page again until it comes.
                self.cut_off += 1
                self._come_back(until)

    def _come_in(self) -> None:
        answer = self._timed("login", lambda: self._visitor.log_in(self.name, GOOD))
        if answer.status_code != 303:
            raise httpx.HTTPError(f"login was answered with {answer.status_code}")
        self._timed("page", self._visitor.visit)
        self._pause()
        self._timed("open a case", lambda: self._visitor.say(f"case {self._case}"))

    def _come_back(self, until: float) -> None:
        while time.monotonic() < until:
            time.sleep(1)
            try:
                self._visitor.visit(f"/?case={self._case}")
            except (httpx.HTTPError, AssertionError):
                continue
            return

    def _read_one(self, until: float) -> None:
        case = self._case
        visitor = self._visitor
        if visitor.shown["number"] != str(case):
            self._timed("open a case", lambda: visitor.say(f"case {case}"))
        self._pause()
        is_read = any("Your reading: " in part for part in visitor.shown.values() if isinstance(part, str))
        if not is_read:
            answer = str(self._chance.choice(("yes", "no", "unsure")))
            said = self._timed("store a reading, see the model", lambda: visitor.read(**{self._question: answer}))
            if "Your reading: " not in json.dumps(said):
                raise AssertionError(f"reading of case {case} was not taken: {said}")
            self._pause()
        agreement, comment = (
            str(self._chance.choice(("agree", "disagree", "unsure"))),
            f"{self.name} on {case}: {time.monotonic_ns()}",
        )
        said = self._timed("store a verdict, open the next", lambda: visitor.judge(agreement, comment))
        if ": saved." not in json.dumps(said) and "Saved. This" not in json.dumps(said):
            raise AssertionError(f"verdict of case {case} was not acknowledged: {said}")
        self.acknowledged[case] = (agreement, comment)
        # The answer holds the next case already; after the last one they begin at the first.
        self._case = case % self._cases + 1

    def _pause(self) -> None:
        time.sleep(self._chance.uniform(*self._think))

    def _timed(self, what: str, act: Callable[[], _T]) -> _T:
        begun = time.perf_counter()
        result = act()
        self.seconds.setdefault(what, []).append(time.perf_counter() - begun)
        return result


def figures(readers: list[Reader]) -> dict[str, dict[str, float]]:
    """Median, 95th percentile and greatest, in milliseconds, by what was done; and how often."""
    found = {}
    for what in dict.fromkeys(what for reader in readers for what in reader.seconds):
        times = np.array([1000 * taken for reader in readers for taken in reader.seconds.get(what, ())])
        median, high = np.percentile(times, (50, 95))
        found[what] = {"count": len(times), "median": round(median), "p95": round(high), "most": round(times.max())}
    return found


def lost(readers: list[Reader], data: Path, target: str) -> list[str]:
    """Acknowledged verdicts that are not the newest of their case and reader."""
    database = open_database(None, data)
    reviews = Reviews(database, open_audit_log(database, data), target)
    held = {(row.reader, row.case.case_key): (row.agreement, row.comment) for row in reviews.verdicts()}
    database.dispose()
    names = sorted(path.stem for path in (data.parent / "records").glob("*.hea"))
    missing = []
    for reader in readers:
        for case, given in reader.acknowledged.items():
            if held.get((reader.name, names[case - 1])) != given:
                missing.append(f"{reader.name}, case {case}")
    return missing


def is_whole(data: Path) -> str:
    """What ``medkd app audit`` says."""
    done = subprocess.run(
        [sys.executable, "-m", "medkd.cli", "app", "audit", "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).splitlines()[0] if done.returncode == 0 else f"BROKEN: {done.stderr}"


@contextmanager
def reading(readers: list[Reader], seconds: float, may_fail: Callable[[], bool]) -> Iterator[None]:
    """All of them at work."""
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(len(readers)) as pool:
        at_work = [pool.submit(reader.work, until, may_fail) for reader in readers]
        yield
        for each in at_work:
            each.result()


def main() -> int:
    """Print the figures as JSON; 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"))
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kill-seconds", type=float, default=45)
    parser.add_argument(
        "--once", action="store_true", help="leave the killed server dead, and look at what is on the disk"
    )
    parser.add_argument("--think", type=float, nargs=2, default=(2, 4), metavar=("LEAST", "MOST"))
    arguments = parser.parse_args()
    if not (arguments.run / "bundle").is_dir():
        print(f"no bundle in {arguments.run}: make demo writes one")
        return 0
    with tempfile.TemporaryDirectory(prefix="medkd-load-") as folder:
        return load(Path(folder), arguments)


def load(folder: Path, arguments: argparse.Namespace) -> int:
    """Both parts, in this folder."""
    data, config = (
        folder / "app",
        yaml.safe_load((arguments.run / "bundle" / "config.yaml").read_text(encoding="utf-8")),
    )
    (question,) = config["outputs"]
    records = take_records(arguments.run, folder / "records")
    database = open_database(None, data)
    accounts = Accounts(database, open_audit_log(database, data))
    for number in range(arguments.readers):
        accounts.add(f"reader{number:02d}", GOOD, "reader")
    database.dispose()
    server = Server(arguments.run / "bundle", folder / "records", data)
    started = server.start()
    readers = [
        Reader(number, server.port, tuple(arguments.think), f"{question}?", records)
        for number in range(arguments.readers)
    ]
    before = os.getloadavg()[0]
    with reading(readers, arguments.seconds, lambda: False):
        pass
    told: dict[str, object] = {"readers": len(readers), "seconds": arguments.seconds, "think": list(arguments.think)}
    told |= {"load": [round(before, 1), round(os.getloadavg()[0], 1)], "milliseconds": figures(readers)}
    errors = [error for reader in readers for error in reader.errors]
    told |= {
        "verdicts": sum(len(reader.acknowledged) for reader in readers),
        "errors": len(errors),
        "of them": errors[:3],
    }
    if arguments.kill_seconds:
        away, again = threading.Event(), 0.0
        with reading(readers, arguments.kill_seconds, away.is_set):
            time.sleep(arguments.kill_seconds / 3)
            away.set()
            server.kill()
            if not arguments.once:
                again = server.start()
                time.sleep(_SETTLES)
                away.clear()
        told["killed"] = {
            "cut off": sum(reader.cut_off for reader in readers),
            "seconds to start": round(started, 1),
            "and again": round(again, 1),
            "verdicts": sum(len(reader.acknowledged) for reader in readers),
            "errors": sum(len(reader.errors) for reader in readers) - len(errors),
        }
    told["server's processor seconds"] = round(server.stop(), 1)
    missing = lost(readers, data, config["target"]["key"])
    audit = is_whole(data)
    told |= {"lost verdicts": missing, "audit": audit}
    print(json.dumps(told, indent=1))
    failed = any(reader.errors for reader in readers)
    return int(bool(missing) or failed or audit.startswith("BROKEN"))


def take_records(run: Path, folder: Path) -> int:
    """Copy a hundred records of a run's cohort into a folder of their own; how many there were."""
    folder.mkdir()
    samples = pl.read_parquet(run / "samples.parquet").head(RECORDS)
    root = run / "cohort"
    for path in samples["ecg"]:
        for file in (root / path).parent.glob(f"{Path(path).name}.*"):
            shutil.copyfile(file, folder / file.name)
    return samples.height


if __name__ == "__main__":
    sys.exit(main())
