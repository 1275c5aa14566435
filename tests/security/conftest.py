"""Viewer as it is served, on real recordings of patients whose names are attacks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import polars as pl
import pytest
import yaml
from starlette.testclient import TestClient

from medkd.app.auth.accounts import Accounts
from medkd.app.auth.sessions import Sessions
from medkd.app.cases.cases import open_cases
from medkd.app.pages import theme
from medkd.app.pages.shell import build_pages
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.server.asgi_app import build_app
from medkd.app.storage.audit_log import open_audit_log
from medkd.app.storage.database import open_database
from medkd.app.storage.export import export_csv
from medkd.app.storage.reviews import Reviews
from medkd.deploy.bundle.bundle import Bundle
from medkd.modalities.ecg import ECG
from tests.app.conftest import CHEAP
from tests.app.visitor import Visitor
from tests.bad_input.conftest import bundle as bundle
from tests.bad_input.conftest import spoilt_bundle as spoilt_bundle
from tests.deploy.conftest import CALIBRATION, REPORT, save_learner

GOOD = "correct horse battery"
MARK = "Zebrowski"
"""A patient's name, wherever one can stand."""
HOSTILE = f"{MARK}<img src=x onerror=alert(1)>"
READERS = {"ada": "reader", "ben": "reader", "cleo": "adjudicator", "grace": "admin"}


def hostile_bundle(folder: Path) -> Path:
    """With random weights; every name in its report and its class are HTML."""
    learner = save_learner(folder / "learner", ECG(seconds=10.0))
    document = yaml.safe_load((learner / "learner.yaml").read_text())
    document["target"] |= {"classes": [HOSTILE], "rule": HOSTILE}
    (learner / "learner.yaml").write_text(yaml.safe_dump(document))
    group = {"by": HOSTILE, "group": HOSTILE, "n": 9, "suppressed": True, "reason": HOSTILE, "value": None}
    check = {"check": HOSTILE, "passed": False, "detail": ""}
    report = REPORT | {
        "task": HOSTILE,
        "cohort": HOSTILE,
        "sentence": HOSTILE,
        "subgroups": [group],
        "leak_audit": [check],
    }
    Bundle.write(
        folder / "bundle", learner, CALIBRATION, report, card={"licence": HOSTILE}, provenance={"note": HOSTILE}
    )
    return folder / "bundle"


def records(shared: Path, folder: Path) -> Path:
    """A manifest of four real recordings and a broken one, whose patients' names are HTML."""
    folder.mkdir()
    sources = sorted((shared / "data" / "ecg" / "brugada-huca" / "files").iterdir())[:4]
    for record in sources:
        for file in record.iterdir():
            shutil.copyfile(file, folder / file.name)
    (folder / "broken.hea").write_text("broken 12 100 1200\n")
    names = [path.name for path in sources] + ["broken"]
    listed = {
        "sample_id": [f"{HOSTILE}{number}" for number in range(5)],
        "subject_id": [f"{HOSTILE}'s{number}" for number in range(5)],
    }
    pl.DataFrame(listed | {"ecg": names}).write_csv(folder / "list.csv")
    return folder / "list.csv"


@dataclass(frozen=True)
class Viewer:
    """A viewer in this process.

    Args:
        context: bundle, cases and database.
        client: makes a browser without a session.
    """

    context: ViewerContext
    client: Callable[[], TestClient]

    def visitor(self, name: str) -> Visitor:
        """Someone who has logged in and sees the work list."""
        visitor = Visitor(self.client())
        assert visitor.log_in(name, GOOD).status_code == 303
        visitor.visit()
        return visitor


@pytest.fixture(scope="module")
def viewer(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """Blinded; nothing is read yet."""
    folder = tmp_path_factory.mktemp("viewer")
    bundle_folder, data = hostile_bundle(folder), folder / "app"
    bundle = Bundle.load(bundle_folder)
    database = open_database(None, data)
    audit = open_audit_log(database, data)
    accounts = Accounts(database, audit, CHEAP)
    for name, role in READERS.items():
        accounts.add(name, GOOD, role, identifiers=name == "ben")
    cases = open_cases(bundle_folder, bundle, records(shared, folder / "records"), data, None)
    context = ViewerContext.from_bundle_folder(
        bundle_folder, bundle, cases, accounts, Reviews(database, audit, bundle.target.key), audit
    )
    app = build_app(
        database,
        accounts,
        Sessions(database),
        audit,
        build_pages(context),
        gradio_options=theme.gradio_options(),
        files={theme.KEYS_URL: theme.STATIC / "keys.js"},
        export=lambda account: export_csv(context.reviews, account, bundle.target.names, audit),
    )
    numbers = count(1)

    def client() -> TestClient:
        # A machine of its own each: failed logins count by address.
        peer = (f"10.0.0.{next(numbers)}", 50000)
        return TestClient(
            app, client=peer, base_url="http://viewer", follow_redirects=False, raise_server_exceptions=False
        )

    with client():
        yield Viewer(context, client)
    database.dispose()
