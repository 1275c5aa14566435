"""Security middleware: which requests pass, and which headers every answer has."""

from __future__ import annotations

import re
from itertools import product

import pytest

from medkd.app.auth.middleware import MAX_BODY_BYTES
from medkd.app.auth.sessions import Sessions
from tests.app.login_requests import GOOD, OWN, PAGE, log_in


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


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


def test_no_websocket_is_opened(client):
    browser = client()
    log_in(browser)
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/gradio_api/queue/join"):
        pass


def test_another_sites_form_is_refused(client, sessions: Sessions):
    browser = client()
    log_in(browser)
    foreign_headers = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil"),
        ("origin", "null"),
        ("origin", "http://viewer:81"),
    ]
    for path, header in product(
        ("/login", "/logout", "/password", "/gradio_api/queue/join", "/gradio_api/run/greet"), foreign_headers
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
    body = b"x" * (MAX_BODY_BYTES + 1)
    for path, in_chunks in product(("/login", "/gradio_api/queue/join", "/password"), (False, True)):
        chunks = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
        answer = browser.post(
            path, content=chunks if in_chunks else body, headers={**OWN, "content-type": "application/json"}
        )
        assert answer.status_code == 413, (path, in_chunks)


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
