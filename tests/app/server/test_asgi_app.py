"""ASGI application with Gradio mounted for real: public routes, pages and export."""

from __future__ import annotations

import re

import pytest

from tests.app.login_requests import OWN, PAGE, log_in


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


def test_what_needs_no_session_holds_no_data(client):
    browser = client()
    assert browser.get("/healthz").text == "ok\n"
    assert "system-ui" in browser.get("/login.css").text
    page = browser.get("/login", headers=PAGE)
    assert page.status_code == 200
    assert "Research use; not a medical device." in page.text
    assert not re.findall(r"(?:src|href|action)=\"(?!/|data:,\")", page.text)


def test_handlers_get_the_users_name(client):
    with client() as browser:
        log_in(browser)
        answer = browser.post("/gradio_api/run/greet", json={"data": ["hello"]}, headers=OWN)
        assert answer.json()["data"] == ["hello ada"]


def test_the_export_is_the_readers_own(client):
    browser = client()
    log_in(browser)
    answer = browser.get("/export.csv")
    assert answer.text == "reader\nada\n"
    assert answer.headers["content-disposition"] == 'attachment; filename="medkd-readings.csv"'
    assert browser.get("/keys.js").text == "let a;"
