"""Viewer below a path of a portal: nothing that it answers leads out of that path."""

from __future__ import annotations

import json
import re

import pytest

from medkd.app.auth.proxy import Proxy
from medkd.errors import InputError
from tests.app.login_requests import OWN, PAGE, log_in

BELOW = Proxy(root_path="/portal/ecg")


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the kind of database."""
    return "sqlite"


@pytest.mark.parametrize("before", ["", "/portal/ecg"], ids=["stripped", "whole"])
def test_redirects_forms_styles_and_cookie_stay_below_the_path(client, before: str):
    browser = client(proxy=BELOW)
    assert browser.get(f"{before}/?case=3", headers=PAGE).headers["location"] == "/portal/ecg/login"
    page = browser.get(f"{before}/login", headers=PAGE)
    assert re.findall(r'(?:href|action|src)="([^"]*)"', page.text) == [
        "data:,",
        "/portal/ecg/login.css",
        "/portal/ecg/login",
    ]
    answer = browser.post(f"{before}/login", data={"name": "ada", "password": "correct horse battery"}, headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal/ecg/")
    assert "Path=/portal/ecg;" in answer.headers["set-cookie"]
    browser.cookies.set("medkd", answer.cookies["medkd"])
    assert browser.get(f"{before}/export.csv").text == "reader\nada\n"
    shown = browser.get(f"{before}/", headers=PAGE)
    config = json.loads(re.search(r"window\.gradio_config = (\{.*?\});</script>", shown.text, re.DOTALL)[1])
    assert config["root"] == "http://viewer/portal/ecg"
    assert browser.get(f"{before}/login", headers=PAGE).headers["location"] == "/portal/ecg/"
    assert browser.get(f"{before}/password", headers=PAGE).text.count('action="/portal/ecg/password"') == 1
    end = browser.post(f"{before}/logout", headers=OWN)
    assert end.headers["location"] == "/portal/ecg/login"
    assert "Path=/portal/ecg;" in end.headers["set-cookie"]
    # The portal's other pages share the storage of this origin.
    assert "storage" not in end.headers["clear-site-data"]


def test_the_path_without_its_slash_is_redirected(client):
    answer = client(proxy=BELOW).get("/portal/ecg", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (308, "/portal/ecg/")


@pytest.mark.parametrize("path", ["/upload", "/file=/etc/passwd", "/gradio_api/upload", "/monitoring", "/dev/reload"])
def test_what_is_refused_is_refused_below_the_path_too(client, path: str):
    browser = client(proxy=BELOW)
    token = log_in(browser).cookies["medkd"]
    browser.cookies.set("medkd", token)
    for before in ("", "/portal/ecg"):
        assert browser.get(f"{before}{path}").status_code == 403


@pytest.mark.parametrize(
    ("peer", "prefix", "root"),
    [
        ("10.0.0.1", "/ecg", "/ecg"),
        ("10.0.0.1", "/ecg/", "/ecg"),
        ("10.0.0.9", "/ecg", ""),
        ("10.0.0.1", "//evil.example", ""),
        ("10.0.0.1", "https://evil.example/ecg", ""),
        ("10.0.0.1", "/a/../b", ""),
        ("10.0.0.1", '/"><script>', ""),
    ],
)
def test_the_proxys_prefix_counts_and_nobody_elses(client, peer: str, prefix: str, root: str):
    browser = client(peer, proxy=Proxy("10.0.0.1"), cookie_secure=True)
    headers = {**PAGE, "x-forwarded-prefix": prefix}
    assert browser.get("/", headers=headers).headers["location"] == f"{root}/login"
    cookie = log_in(browser, **{"x-forwarded-prefix": prefix}).headers["set-cookie"]
    # Browsers refuse "__Host-" with any other path than "/".
    assert cookie.startswith("__Secure-medkd=" if root else "__Host-medkd=")
    assert f"Path={root or '/'};" in cookie


def test_two_prefixes_are_none_and_the_option_goes_first(client):
    browser = client("10.0.0.1", proxy=Proxy("10.0.0.1"))
    twice = [*PAGE.items(), ("x-forwarded-prefix", "/a"), ("x-forwarded-prefix", "/b")]
    assert browser.get("/", headers=twice).headers["location"] == "/login"
    browser = client("10.0.0.1", proxy=Proxy("10.0.0.1", root_path="/ecg/"))
    assert browser.get("/", headers=[*PAGE.items(), ("x-forwarded-prefix", "/b")]).headers["location"] == "/ecg/login"


@pytest.mark.parametrize("path", ["ecg", "https://portal/ecg", "//ecg", "/../ecg", "/e cg"])
def test_what_is_no_path_is_refused(path: str):
    with pytest.raises(InputError, match=r"is not a path .*--root-path"):
        Proxy(root_path=path)
