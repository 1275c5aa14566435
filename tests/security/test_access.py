"""Attacks on the viewer without a session, and on addresses that no page names."""

from __future__ import annotations

from itertools import product
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import inspect

from tests.app.visitor import PAGE, SCRIPT
from tests.security.conftest import GOOD, MARK, Viewer

_FILES = (
    "gradio_api/file=/etc/passwd",
    "gradio_api%2ffile=/etc/passwd",
    "%67radio_api/file=/etc/passwd",
    "gradio_api/file%3d/etc/passwd",
    "gradio_api/./file=/etc/passwd",
    "gradio_api/queue/%2e%2e/file=/etc/passwd",
    "gradio_api/queue%2f..%2ffile=/etc/passwd",
    "/gradio_api/file=/etc/passwd",
    "gradio_api//file=/etc/passwd",
    "gradio_api/file=..%2f..%2f..%2fetc%2fpasswd",
    "gradio_api/file=%252e%252e%252fetc%252fpasswd",
    "file=/etc/passwd",
    "file/etc/passwd",
    "static/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "static/..%5c..%5cetc%5cpasswd",
    "static//etc/passwd",
    "static/%00/etc/passwd",
    "assets/../../routes.py",
    "assets/..%2f..%2f..%2froutes.py",
    "assets/%2e%2e%2f%2e%2e%2froutes.py",
    "assets//etc/passwd",
    "svelte/..%2f..%2froutes.py",
    "custom_component/x/client/component/..%2f..%2fetc%2fpasswd",
    "keys.js/..%2f..%2fcontext.py",
    "login.css/..%2f..%2fdoor.py",
    "verdicts.sqlite",
    "..%2fverdicts.sqlite",
    "export.csv/..%2f.audit_key",
)


@pytest.fixture(scope="module")
def inside(viewer: Viewer) -> httpx.Client:
    """A browser with a session."""
    return viewer.visitor("ada").http


@pytest.mark.parametrize("path", _FILES)
def test_no_address_gives_a_file(viewer: Viewer, inside: httpx.Client, path: str):
    """With and without a session, as a page and as data."""
    outside = viewer.client()
    for browser, headers in product((inside, outside), (PAGE, SCRIPT)):
        answer = browser.get(f"http://viewer/{path}", headers=headers)
        assert answer.status_code in ((303, 400, 401, 403, 404, 500) if browser is outside else (400, 403, 404, 500)), (
            answer.text[:200]
        )
        assert not [
            secret for secret in (b"root:", b"import ", b"SQLite format", MARK.encode()) if secret in answer.content
        ]


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/",
        "///evil.example/..",
        "/%2fevil.example/",
        "/\\evil.example/",
        "/%5cevil.example/",
        "/login?next=//evil.example",
        "/login/?next=https://evil.example",
        "/logout?next=//evil.example",
        "/password/?url=//evil.example",
        "/?next=https://evil.example",
        "/%0d%0aLocation:%20https://evil.example",
        "/login?%0d%0aSet-Cookie:%20medkd=planted",
    ],
)
def test_nobody_is_sent_to_another_site(viewer: Viewer, inside: httpx.Client, path: str):
    outside = viewer.client()
    form = {"name": "cleo", "password": GOOD, "next": "//evil.example"}
    for browser, host in product((inside, outside), ("viewer", "evil.example")):
        requests = [("GET", None)] if browser is inside else [("GET", None), ("POST", form)]
        for method, data in requests:
            answer = browser.request(method, f"http://viewer{path}", data=data, headers={**PAGE, "host": host})
            redirect = answer.headers.get("location", "/")
            # A relative one stays on this site; one that a framework made absolute names the host that was asked for.
            assert urlsplit(redirect).netloc in ("", "viewer", host)
            assert not redirect.startswith(("//", "/\\"))
            assert "planted" not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    "name",
    [
        "ada' OR '1'='1",
        "ada'; DROP TABLE accounts; --",
        'ada" --',
        "ada\r\nSet-Cookie: medkd=planted",
        "ada\0",
        "ADA",
        " ada",
        "\uff41\uff44\uff41",
        "../ada",
        "a" * 100_000,
        "%s%s%n",
        "{0.__class__}",
        "",
    ],
)
def test_a_name_that_is_code_logs_nobody_in(viewer: Viewer, name: str):
    browser = viewer.client()
    for password in (GOOD, "' OR '1'='1", ""):
        answer = browser.post("/login", data={"name": name, "password": password}, headers=PAGE)
        assert answer.status_code in (401, 429)
        assert "set-cookie" not in answer.headers
    assert {account.name for account in viewer.context.accounts.all()} >= {"ada", "ben", "cleo", "grace"}
    assert "accounts" in inspect(viewer.context.accounts.database.engine).get_table_names()
    viewer.context.accounts.lockout.clear(name, "10.0.0.9")


def test_what_is_guessed_at_does_not_stand_in_the_log(viewer: Viewer):
    """A password may be typed into the field of the name."""
    viewer.client().post("/login", data={"name": f"{MARK}-secret", "password": "x"}, headers=PAGE)
    last = viewer.context.audit.last()
    assert (last.actor, last.action) == ("(unknown)", "login refused")
    assert MARK not in last.details


def test_a_session_ends_for_good_with_a_new_password(viewer: Viewer):
    viewer.context.accounts.add("dora", GOOD, "reader")
    stolen, own = viewer.visitor("dora"), viewer.visitor("dora")
    fields = {"current": GOOD, "new": "another horse battery", "again": "another horse battery"}
    assert own.http.post("/password", data=fields, headers=PAGE).status_code == 303
    assert stolen.send("say", "change", say="case 1").status_code == 401
    own.say("case 1")
    token = own.http.cookies["medkd"]
    own.http.post("/logout", headers=PAGE)
    own.http.cookies.set("medkd", token)
    assert own.send("say", "change", say="case 2").status_code == 401


@pytest.mark.parametrize(
    "path", ["/login", "/logout", "/password", "/gradio_api/run/predict", "/gradio_api/queue/join"]
)
@pytest.mark.parametrize(
    "whence",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_sites_page_does_nothing_in_a_readers_name(
    viewer: Viewer, inside: httpx.Client, path: str, whence: dict[str, str]
):
    before = viewer.context.audit.last().number
    for body in ({"data": {"name": "ben"}}, {"json": {"data": [], "fn_index": 3, "session_hash": "x"}}):
        answer = inside.post(path, headers=whence, **body)
        assert (answer.status_code, answer.json()["error"]) == (403, "the request comes from another site")
    assert viewer.context.audit.last().number == before
    assert inside.get("/config", headers=SCRIPT).status_code == 200


@pytest.mark.parametrize("size", [300_000, 5_000_000])
@pytest.mark.parametrize(
    "path", ["/login", "/password", "/gradio_api/run/predict", "/gradio_api/upload", "/upload", "/healthz"]
)
def test_what_is_too_large_is_refused(viewer: Viewer, inside: httpx.Client, path: str, size: int):
    """With a content length, and in chunks without one."""
    for browser in (viewer.client(), inside):
        for content in (b"x" * size, (b"x" * 50_000 for _ in range(size // 50_000))):
            assert browser.post(path, content=content, headers=SCRIPT).status_code in (401, 403, 413)


def test_a_form_of_very_many_fields_or_with_a_file_is_refused(viewer: Viewer):
    browser = viewer.client()
    many = {f"field{number}": "x" for number in range(5_000)}
    assert browser.post("/login", data={**many, "name": "ada", "password": GOOD}, headers=PAGE).status_code in (
        400,
        401,
    )
    files = {"name": ("ada", b"ada"), "password": ("p", GOOD.encode())}
    assert browser.post("/login", files=files, headers=PAGE).status_code in (400, 401)
    assert "medkd" not in browser.cookies
