"""Login routes in front of the real pages."""

from __future__ import annotations

import pytest

from medkd.app.auth.accounts import Accounts
from medkd.app.auth.sessions import Sessions
from medkd.app.storage.audit_log import AuditLog
from tests.app.login_requests import GOOD, OWN, PAGE, actions, log_in


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


def test_login_and_logout(client, audit: AuditLog):
    browser = client()
    answer = log_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("medkd=", "httponly", "samesite=strict", "path=/", "max-age=43200"))
    assert "secure" not in cookie
    page = browser.get("/", headers=PAGE)
    assert page.status_code == 200
    assert '"username":"ada"' in page.text
    assert browser.get("/login").headers["location"] == "/"
    token = browser.cookies["medkd"]
    out = browser.post("/logout", headers=OWN)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    # The cookie that was stolen before is worth nothing now.
    browser.cookies.set("medkd", token)
    assert browser.get("/config").status_code == 401
    assert actions(audit) == [("ada", "login"), ("ada", "logout")]


def test_a_wrong_password_is_refused_and_then_locked_out(client, audit: AuditLog, clock):
    browser = client()
    for name in ("ada", "nobody"):
        answers = [log_in(browser, "wrong wrong wrong", name) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429]
        assert "name or password is wrong" in answers[0].text
        assert "Try again in 15 minutes" in answers[5].text
        assert not [answer for answer in answers if "set-cookie" in answer.headers]
    assert log_in(browser).status_code == 429
    clock.pass_by(15 * 60)
    assert log_in(browser).status_code == 303


def test_a_typed_name_is_shown_as_text(client):
    answer = log_in(client(), "x", '"><script>alert(1)</script>')
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_session_that_was_there_before_the_login_is_not_taken_over(client, sessions: Sessions, accounts: Accounts):
    """Fixation: an attacker's own session, or a made-up token, planted in the victim's browser."""
    accounts.add("eve", GOOD, "reader")
    browser = client()
    for planted in (sessions.open("eve"), "made-up-token"):
        browser.cookies.clear()
        browser.cookies.set("medkd", planted, domain="viewer.local", path="/")
        log_in(browser)
        assert [cookie.value for cookie in browser.cookies.jar if cookie.value != planted]
        assert sessions.name_of(planted) is None


def test_an_idle_session_ends(client, clock):
    browser = client()
    log_in(browser)
    clock.pass_by(31 * 60)
    assert browser.get("/config").status_code == 401


def test_the_password_must_be_changed_before_anything_else(client, accounts: Accounts, sessions: Sessions):
    first_password = accounts.add("bob", None, "reader")
    browser = client()
    log_in(browser, first_password, "bob")
    first = browser.cookies["medkd"]
    assert browser.get("/", headers=PAGE).headers["location"] == "/password"
    assert browser.get("/config").status_code == 403
    assert browser.post("/gradio_api/queue/join", json={}, headers=OWN).status_code == 403
    assert "is for the first login" in browser.get("/password").text
    for fields, problem in (
        ({"current": first_password, "new": "a new password", "again": "another one"}, "differ"),
        ({"current": "wrong", "new": "a new password", "again": "a new password"}, "current password is wrong"),
        ({"current": first_password, "new": "short", "again": "short"}, "12 characters"),
        ({"current": first_password, "new": first_password, "again": first_password}, "current one"),
        ({}, "current password is wrong"),
    ):
        answer = browser.post("/password", data=fields, headers=OWN)
        assert (answer.status_code, problem in answer.text) == (400, True), fields
    done = browser.post(
        "/password", data={"current": first_password, "new": "a new password", "again": "a new password"}, headers=OWN
    )
    assert done.status_code == 303
    assert sessions.name_of(first) is None
    assert browser.get("/", headers=PAGE).status_code == 200
