"""The whole application, Gradio mounted for real, asked as a browser would and as an attacker would."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.testclient import TestClient

from medkd.app.auth.accounts import Accounts
from medkd.app.auth.middleware import LARGEST
from medkd.app.auth.proxy import Proxy
from medkd.app.auth.sessions import Sessions
from medkd.app.server.server import build_server
from medkd.app.storage.audit_log import Audit
from medkd.app.storage.database import Database
from medkd.errors import InputError

GOOD = "correct horse battery"
PAGE = {"accept": "text/html,application/xhtml+xml"}
OWN = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


@pytest.fixture(scope="module")
def blocks() -> Any:
    """Pages that say who asked, and fail when told to."""

    def greet(text: str, request: gr.Request) -> str:
        if text == "fail":
            raise RuntimeError("of patient-17")
        return f"{text} {request.username}"

    with gr.Blocks(analytics_enabled=False) as pages:
        asked = gr.Textbox()
        asked.submit(greet, asked, gr.Textbox(), api_name="greet")
    return pages


@pytest.fixture
def sessions(database: Database, clock) -> Sessions:
    return Sessions(database, clock)


@pytest.fixture
def client(
    database: Database, accounts: Accounts, sessions: Sessions, audit: Audit, blocks: Any, tmp_path: Path
) -> Callable[..., TestClient]:
    """Makes a browser in front of a server with these settings; "ada" has an account."""
    accounts.add("ada", GOOD, "reader")
    script = tmp_path / "keys.js"
    script.write_text("let a;")

    def make(peer: str = "10.0.0.9", **settings: Any) -> TestClient:
        def export(account: Any) -> str:
            if settings.get("broken"):
                raise RuntimeError("of patient-17")
            return f"reader\n{account.name}\n"

        kept = {name: value for name, value in settings.items() if name != "broken"}
        app = build_server(
            database, accounts, sessions, audit, blocks, files={"/keys.js": script}, export=export, **kept
        )
        return TestClient(app, client=(peer, 50000), follow_redirects=False, base_url="http://viewer")

    return make


def log_in(browser: TestClient, password: str = GOOD, name: str = "ada", **headers: str) -> Any:
    return browser.post("/login", data={"name": name, "password": password}, headers={**OWN, **headers})


def actions(audit: Audit) -> list[tuple[str, str]]:
    return [(row.actor, row.action) for row in audit.rows() if row.action != "account added"]


GUARDED = [
    ("GET", "/"),
    ("GET", "/?case=3"),
    ("GET", "/config"),
    ("GET", "/theme.css"),
    ("GET", "/assets/index.js"),
    ("GET", "/static/img/logo.svg"),
    ("GET", "/keys.js"),
    ("GET", "/export.csv"),
    ("GET", "/password"),
    ("POST", "/password"),
    ("POST", "/logout"),
    ("GET", "/file=/etc/passwd"),
    ("GET", "/gradio_api/file=/etc/passwd"),
    ("GET", "/gradio_api/info"),
    ("POST", "/gradio_api/upload"),
    ("POST", "/upload"),
    ("POST", "/gradio_api/queue/join"),
    ("GET", "/gradio_api/queue/data?session_hash=x"),
    ("POST", "/gradio_api/run/greet"),
    ("GET", "/gradio_api/heartbeat/x"),
    ("GET", "/gradio_api/startup-events"),
    ("GET", "/login/../config"),
    ("GET", "//config"),
    ("GET", "/login/"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/no-such-page"),
    ("PUT", "/"),
    ("DELETE", "/config"),
]


def test_nothing_is_reached_without_a_session(client):
    browser = client()
    for (method, path), cookie in product(GUARDED, (None, "guessed")):
        browser.cookies.clear()
        if cookie:
            browser.cookies.set("medkd", cookie)
        data = browser.request(method, path, headers=OWN)
        assert (data.status_code, data.json()) == (401, {"error": "log in first"}), (method, path)
        if method == "GET" and not path.startswith("/gradio_api"):
            page = browser.request(method, path, headers=PAGE)
            assert (page.status_code, page.headers["location"]) == (303, "/login")


def test_no_header_makes_a_path_look_open(client):
    browser = client()
    for headers in (
        {"host": "viewer/healthz?"},
        {"host": "viewer/login#"},
        {"x-original-url": "/healthz"},
        {"x-forwarded-prefix": "/healthz"},
    ):
        assert browser.get("/config", headers=headers).status_code == 401


def test_what_needs_no_session_holds_no_data(client):
    browser = client()
    assert browser.get("/healthz").text == "ok\n"
    assert "system-ui" in browser.get("/login.css").text
    page = browser.get("/login", headers=PAGE)
    assert page.status_code == 200
    assert "Research use; not a medical device." in page.text
    assert not re.findall(r"(?:src|href|action)=\"(?!/|data:,\")", page.text)


def test_no_websocket_is_opened(client):
    browser = client()
    log_in(browser)
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/gradio_api/queue/join"):
        pass


def test_login_and_logout(client, audit: Audit):
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


def test_a_wrong_password_is_told_and_then_paused(client, audit: Audit, clock):
    browser = client()
    for name in ("ada", "nobody"):
        said = [log_in(browser, "wrong wrong wrong", name) for _ in range(6)]
        assert [answer.status_code for answer in said] == [401] * 5 + [429]
        assert "name or password is wrong" in said[0].text
        assert "Try again in 15 minutes" in said[5].text
        assert not [answer for answer in said if "set-cookie" in answer.headers]
    assert log_in(browser).status_code == 429
    clock.pass_by(15 * 60)
    assert log_in(browser).status_code == 303


def test_what_was_typed_is_shown_as_text(client):
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


def test_another_sites_form_is_refused(client, sessions: Sessions):
    browser = client()
    log_in(browser)
    told = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil"),
        ("origin", "null"),
        ("origin", "http://viewer:81"),
    ]
    for path, header in product(
        ("/login", "/logout", "/password", "/gradio_api/queue/join", "/gradio_api/run/greet"), told
    ):
        answer = browser.post(path, data={"name": "ada", "password": GOOD}, headers=[header])
        assert (answer.status_code, answer.json()) == (403, {"error": "the request comes from another site"}), (
            path,
            header,
        )
    assert sessions.name_of(browser.cookies["medkd"]) == "ada"


def test_another_sites_script_reads_nothing_but_its_links_work(client):
    browser = client()
    log_in(browser)
    for header in (
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://viewer:81"},
    ):
        assert browser.get("/config", headers=header).status_code == 403
        assert browser.get("/export.csv", headers=header).status_code == 403
    for site in ("cross-site", "none"):
        assert (
            browser.get("/", headers={**PAGE, "sec-fetch-site": site, "sec-fetch-mode": "navigate"}).status_code == 200
        )


def test_a_browser_that_tells_only_its_origin_can_log_in(client):
    answer = client().post("/login", data={"name": "ada", "password": GOOD}, headers={"origin": "http://viewer"})
    assert answer.status_code == 303


REFUSED = [
    ("POST", "/gradio_api/upload"),
    ("POST", "/gradio_api/upload/"),
    ("POST", "/upload"),
    ("GET", "/gradio_api/file=/etc/passwd"),
    ("GET", "/gradio_api/file=../../etc/passwd"),
    ("GET", "/gradio_api/file=%2e%2e%2fetc/passwd"),
    ("GET", "/gradio_api/file/etc/passwd"),
    ("GET", "/file=/etc/passwd"),
    ("GET", "/gradio_api/proxy=http://example.org/x"),
    ("GET", "/gradio_api/stream/a/b/c/playlist-file"),
    ("POST", "/gradio_api/component_server"),
    ("POST", "/gradio_api/process_recording"),
    ("GET", "/gradio_api/deep_link?session_hash=x"),
    ("POST", "/gradio_api/vibe-edit"),
    ("GET", "/gradio_api/vibe-code"),
    ("GET", "/gradio_api/queue/../file=/etc/passwd"),
    ("GET", "/gradio_api//file=/etc/passwd"),
    ("GET", "/monitoring"),
]


def test_nothing_is_uploaded_and_no_file_is_served(client):
    browser = client()
    log_in(browser)
    for method, path in REFUSED:
        answer = browser.request(method, path, headers=OWN, **({"files": {"files": b"x"}} if method == "POST" else {}))
        assert (answer.status_code, "root:" in answer.text) == (403, False), path


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/routes.py",
        "/assets/..%2f..%2froutes.py",
        "/svelte/..%2f..%2f..%2froutes.py",
        "/keys.js/../x",
    ],
)
def test_no_path_leads_out_of_what_is_served(client, path: str):
    browser = client()
    log_in(browser)
    answer = browser.get(path, headers=OWN)
    assert answer.status_code in (403, 404, 500)
    assert "import " not in answer.text
    assert "root:" not in answer.text


def test_a_large_body_is_refused(client):
    browser = client()
    log_in(browser)
    body = b"x" * (LARGEST + 1)
    for path, in_chunks in product(("/login", "/gradio_api/queue/join", "/password"), (False, True)):
        chunks = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
        answer = browser.post(
            path, content=chunks if in_chunks else body, headers={**OWN, "content-type": "application/json"}
        )
        assert answer.status_code == 413, (path, in_chunks)


def test_the_password_must_be_changed_before_anything_else(client, accounts: Accounts, sessions: Sessions):
    given = accounts.add("bob", None, "reader")
    browser = client()
    log_in(browser, given, "bob")
    first = browser.cookies["medkd"]
    assert browser.get("/", headers=PAGE).headers["location"] == "/password"
    assert browser.get("/config").status_code == 403
    assert browser.post("/gradio_api/queue/join", json={}, headers=OWN).status_code == 403
    assert "is for the first login" in browser.get("/password").text
    for fields, problem in (
        ({"current": given, "new": "a new password", "again": "another one"}, "differ"),
        ({"current": "wrong", "new": "a new password", "again": "a new password"}, "current password is wrong"),
        ({"current": given, "new": "short", "again": "short"}, "12 characters"),
        ({"current": given, "new": given, "again": given}, "current one"),
        ({}, "current password is wrong"),
    ):
        answer = browser.post("/password", data=fields, headers=OWN)
        assert (answer.status_code, problem in answer.text) == (400, True), fields
    done = browser.post(
        "/password", data={"current": given, "new": "a new password", "again": "a new password"}, headers=OWN
    )
    assert done.status_code == 303
    assert sessions.name_of(first) is None
    assert browser.get("/", headers=PAGE).status_code == 200


def test_every_answer_has_the_headers_that_protect_it(client):
    browser = client()
    answers = [browser.get("/login"), browser.get("/config"), browser.get("/healthz")]
    log_in(browser)
    answers += [
        browser.get("/", headers=PAGE),
        browser.get("/theme.css"),
        browser.get("/nowhere"),
        browser.get("/gradio_api/upload"),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
    assert len({re.search("nonce-([^']+)", answer.headers["content-security-policy"])[1] for answer in answers}) == len(
        answers
    )


def test_a_pages_own_scripts_are_named_in_its_policy(client):
    browser = client()
    log_in(browser)
    page = browser.get("/", headers={**PAGE, "accept-encoding": "br, gzip"})
    nonce = re.search("nonce-([^']+)", page.headers["content-security-policy"])[1]
    assert page.text.count("<script") == page.text.count(f'<script nonce="{nonce}"') > 3
    assert int(page.headers["content-length"]) == len(page.content)


def test_unchanging_files_alone_may_be_kept_by_the_browser(client):
    browser = client()
    log_in(browser)
    (name,) = set(re.findall(r'src="\./(assets/index-[^"]+\.js)"', browser.get("/", headers=PAGE).text))
    answer = browser.get(f"/{name}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, max-age=86400")


def test_pages_know_who_asks(client):
    with client() as browser:
        log_in(browser)
        answer = browser.post("/gradio_api/run/greet", json={"data": ["hello"]}, headers=OWN)
        assert answer.json()["data"] == ["hello ada"]


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


def test_the_export_is_the_readers_own(client):
    browser = client()
    log_in(browser)
    answer = browser.get("/export.csv")
    assert answer.text == "reader\nada\n"
    assert answer.headers["content-disposition"] == 'attachment; filename="medkd-readings.csv"'
    assert browser.get("/keys.js").text == "let a;"


# A proxy that logs people in.
PROXY = Proxy("10.0.0.1", "X-Remote-User")


def test_the_proxys_word_counts(client, audit: Audit):
    browser = client("10.0.0.1", proxy=PROXY)
    for _ in range(2):
        page = browser.get("/", headers={**PAGE, "x-remote-user": "ada"})
        assert page.status_code == 200
        assert '"username":"ada"' in page.text
    assert actions(audit) == [("ada", "login")]


UNVOUCHED = [
    ("10.0.0.9", [("x-remote-user", "ada")]),
    ("10.0.0.9", [("x-remote-user", "ada"), ("x-forwarded-for", "10.0.0.1")]),
    ("10.0.0.1", []),
    ("10.0.0.1", [("x-remote-user", "")]),
    ("10.0.0.1", [("x-remote-user", "nobody")]),
    ("10.0.0.1", [("x-remote-user", "ada"), ("x-remote-user", "boss")]),
    ("10.0.0.1", [("x-remote-user", "ADA")]),
]


def test_whom_the_proxy_does_not_vouch_for_is_refused(client, sessions: Sessions):
    browsers = {peer: client(peer, proxy=PROXY) for peer in ("10.0.0.1", "10.0.0.9")}
    token = sessions.open("ada")
    for (peer, headers), path in product(UNVOUCHED, ("/", "/config", "/password", "/login", "/gradio_api/info")):
        browsers[peer].cookies.set("medkd", token)
        assert browsers[peer].get(path, headers=[*headers, *PAGE.items()]).status_code == 403, (peer, headers, path)


def test_there_is_no_password_login_beside_the_proxys(client):
    assert log_in(client("10.0.0.9", proxy=PROXY)).status_code == 403
    answer = log_in(client("10.0.0.1", proxy=PROXY), **{"x-remote-user": "ada"})
    assert "kept by your hospital" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_first_visitor_gets_an_account_if_that_is_wanted(client, accounts: Accounts, audit: Audit):
    browser = client("10.0.0.1", proxy=Proxy("10.0.0.1", "X-Remote-User", "reader"))
    assert browser.get("/config", headers={"x-remote-user": "bob"}).status_code == 200
    assert accounts.account("bob").role == "reader"
    assert ("(proxy)", "account added") in [(row.actor, row.action) for row in audit.rows()]
    accounts.add("boss", GOOD, "admin")
    accounts.remove("bob")
    assert browser.get("/config", headers={"x-remote-user": "bob"}).status_code == 403


def test_failures_count_against_the_address_that_the_proxy_saw(client, audit: Audit):
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
        (("proxy.local",), "no address"),
        (("10.0.0.1", None, "reader"), "needs --proxy-header"),
        (("10.0.0.1", "X", "boss"), "no role"),
    ],
)
def test_a_proxy_that_anyone_could_play_is_refused(settings: tuple[str | None, ...], problem: str):
    with pytest.raises(InputError, match=problem):
        Proxy(*settings)


def test_an_address_of_ipv4_within_ipv6_is_the_same(client):
    browser = client("::ffff:10.0.0.1", proxy=PROXY)
    assert browser.get("/config", headers={"x-remote-user": "ada"}).status_code == 200
