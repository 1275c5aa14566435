"""Requests of a browser to the login, and the rows that they leave in the audit log."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from medkd.app.storage.audit_log import AuditLog

GOOD = "correct horse battery"
PAGE = {"accept": "text/html,application/xhtml+xml"}
OWN = {"sec-fetch-site": "same-origin"}


def log_in(browser: TestClient, password: str = GOOD, name: str = "ada", **headers: str) -> Any:
    return browser.post("/login", data={"name": name, "password": password}, headers={**OWN, **headers})


def actions(audit: AuditLog) -> list[tuple[str, str]]:
    return [(row.actor, row.action) for row in audit.rows() if row.action != "account added"]
