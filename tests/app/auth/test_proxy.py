"""Reverse proxy that logs users in: its headers count, and nobody else's."""

from __future__ import annotations

from itertools import product

import pytest

from medkd.app.auth.accounts import Accounts
from medkd.app.auth.proxy import Proxy
from medkd.app.auth.sessions import Sessions
from medkd.app.storage.audit_log import AuditLog
from medkd.errors import InputError
from tests.app.login_requests import GOOD, PAGE, actions, log_in


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


# A proxy that logs people in.
PROXY = Proxy("10.0.0.1", "X-Remote-User")


def test_the_proxys_header_logs_its_user_in(client, audit: AuditLog):
    browser = client("10.0.0.1", proxy=PROXY)
    for _ in range(2):
        page = browser.get("/", headers={**PAGE, "x-remote-user": "ada"})
        assert page.status_code == 200
        assert '"username":"ada"' in page.text
    assert actions(audit) == [("ada", "login")]


UNTRUSTED = [
    ("10.0.0.9", [("x-remote-user", "ada")]),
    ("10.0.0.9", [("x-remote-user", "ada"), ("x-forwarded-for", "10.0.0.1")]),
    ("10.0.0.1", []),
    ("10.0.0.1", [("x-remote-user", "")]),
    ("10.0.0.1", [("x-remote-user", "nobody")]),
    ("10.0.0.1", [("x-remote-user", "ada"), ("x-remote-user", "boss")]),
    ("10.0.0.1", [("x-remote-user", "ADA")]),
]


def test_a_user_whom_the_proxy_does_not_name_is_refused(client, sessions: Sessions):
    browsers = {peer: client(peer, proxy=PROXY) for peer in ("10.0.0.1", "10.0.0.9")}
    token = sessions.open("ada")
    for (peer, headers), path in product(UNTRUSTED, ("/", "/config", "/password", "/login", "/gradio_api/info")):
        browsers[peer].cookies.set("medkd", token)
        assert browsers[peer].get(path, headers=[*headers, *PAGE.items()]).status_code == 403, (peer, headers, path)


def test_behind_such_a_proxy_there_is_no_password_login(client):
    assert log_in(client("10.0.0.9", proxy=PROXY)).status_code == 403
    answer = log_in(client("10.0.0.1", proxy=PROXY), **{"x-remote-user": "ada"})
    assert "kept by your hospital" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_first_visitor_gets_an_account_if_that_is_wanted(client, accounts: Accounts, audit: AuditLog):
    browser = client("10.0.0.1", proxy=Proxy("10.0.0.1", "X-Remote-User", "reader"))
    assert browser.get("/config", headers={"x-remote-user": "bob"}).status_code == 200
    assert accounts.account("bob").role == "reader"
    assert ("(proxy)", "account added") in [(row.actor, row.action) for row in audit.rows()]
    accounts.add("boss", GOOD, "admin")
    accounts.remove("bob")
    assert browser.get("/config", headers={"x-remote-user": "bob"}).status_code == 403


def test_failures_count_against_the_address_that_the_proxy_saw(client, audit: AuditLog):
    browser = client("10.0.0.1", proxy=Proxy("10.0.0.1"))
    log_in(browser, "wrong", **{"x-forwarded-for": "6.6.6.6, 172.16.0.5"})
    other = client("10.0.0.9", proxy=Proxy("10.0.0.1"))
    log_in(other, "wrong", **{"x-forwarded-for": "1.2.3.4"})
    assert [row.details for row in audit.rows() if row.action == "login refused"] == [
        '{"address":"172.16.0.5"}',
        '{"address":"10.0.0.9"}',
    ]


def test_behind_a_proxy_the_cookie_is_for_tls_alone(client):
    for browser in (client("10.0.0.1", proxy=Proxy("10.0.0.1")), client(cookie_secure=True)):
        cookie = log_in(browser).headers["set-cookie"]
        assert cookie.startswith("__Host-medkd=")
        assert "Secure" in cookie


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ((None, "X-User"), "needs --proxy-address"),
        (("proxy.local",), "not an address"),
        (("10.0.0.1", None, "reader"), "needs --proxy-header"),
        (("10.0.0.1", "X", "boss"), "no role"),
    ],
)
def test_a_proxy_that_anyone_could_imitate_is_refused(settings: tuple[str | None, ...], problem: str):
    with pytest.raises(InputError, match=problem):
        Proxy(*settings)


def test_an_address_of_ipv4_within_ipv6_is_the_same(client):
    browser = client("::ffff:10.0.0.1", proxy=PROXY)
    assert browser.get("/config", headers={"x-remote-user": "ada"}).status_code == 200
