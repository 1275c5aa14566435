"""Error redaction: a failure shows neither traceback nor message."""

from __future__ import annotations

import pytest

from tests.app.login_requests import OWN, log_in


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


def test_a_failure_shows_neither_traceback_nor_message(client, capfd: pytest.CaptureFixture[str]):
    browser = client(broken=True)
    log_in(browser)
    answer = browser.get("/export.csv")
    assert (answer.status_code, answer.text) == (500, "something went wrong; what was not confirmed is not stored\n")
    noted = capfd.readouterr()
    assert "RuntimeError in" in noted.err
    assert "patient-17" not in noted.out + noted.err


def test_a_failing_handler_tells_the_browser_nothing(client):
    with client() as browser:
        log_in(browser)
        answer = browser.post("/gradio_api/run/greet", json={"data": ["fail"]}, headers=OWN)
        assert answer.status_code == 500
        assert "patient-17" not in answer.text
        assert "Traceback" not in answer.text
