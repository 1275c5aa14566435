"""Viewer in a real browser: Chromium against ``medkd app`` on twelve real recordings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkd.deploy.bundle.bundle import Bundle
from tests.app.pages.conftest import PASSWORD
from tests.app.stripping_proxy import stripping_proxy

Sit = Callable[..., Any]
"""Opens a page of a reader who is logged in (``Reader`` of conftest)."""
SIZES = ((1366, 768), (1920, 1080))
pytestmark = pytest.mark.xdist_group(
    "browser"
)  # One server for all of them, also where tests are dealt to several processes.


def test_a_wrong_password_shows_nothing(stranger: Sit, address: str) -> None:
    nobody = stranger(address)
    nobody.log_in("anna", "wrong")
    nobody.page.wait_for_selector("text=name or password is wrong")
    assert "Work list" not in nobody.page.content()
    nobody.page.goto("/?case=1")
    assert nobody.page.url.endswith("/login")
    nobody.context.close()


def test_nothing_of_the_model_reaches_the_browser_before_the_reading(reader: Sit, bundle: Path, records: Path) -> None:
    anna = reader("anna")
    anna.open(1)
    anna.page.wait_for_timeout(300)
    before = " ".join([*anna.bodies, anna.page.content()])
    names = sorted(path.stem for path in records.glob("*.hea") if path.stem != "broken")
    loaded = Bundle.load(bundle)
    _, calibrated = loaded.probabilities([loaded.prepare({"ecg": names[0]}, records)])
    p = float(calibrated[0, 0])
    secrets = (f"{p:.2f}, ", f"{p:.6f}", "prediction set:", "Of 100 with a score like this")
    assert [words for words in secrets if words in before] == []
    assert not anna.page.locator("#model-view").is_visible()
    assert "after your reading" in before

    anna.give_reading()
    after = " ".join([*anna.bodies, anna.page.content()])
    assert f"{p:.2f}, " in after
    assert "Of 100 with a score like this" in after
    assert f"{p:.6f}"[:6] in after
    anna.keys("l")
    anna.page.wait_for_selector("tr.row")
    assert f"{p:.2f}" in anna.page.inner_text("tr.row >> nth=0")
    assert "after your reading" in anna.page.inner_text("tr.row >> nth=1")


def test_a_disagreement_with_a_comment_is_found_in_the_export(reader: Sit, hostile: str) -> None:
    anna = reader("anna")
    anna.open(2)
    anna.give_reading("n")
    anna.keys("d", "c")
    anna.page.keyboard.type(f'=cmd() "ST", saddle {hostile}')
    anna.keys("Control+Enter")
    anna.page.wait_for_selector("text=Case 2: saved.")
    anna.page.wait_for_selector("#at-case-3")
    assert anna.page.url.endswith("/?case=3")
    anna.page.click("text=Agreement")
    anna.page.wait_for_selector("text=Where I disagree with the model")
    assert hostile in anna.page.inner_text("#agreement-page")
    assert anna.page.evaluate("window.pwned") is None
    table = pl.read_csv(anna.context.request.get("/export.csv").body(), infer_schema=False)
    row = table.filter(pl.col("verdict") == "disagree").row(0, named=True)
    assert row["reader"] == "anna"
    assert row["reading_Brugada pattern"] == "no"
    assert row["blinded"] == "true"
    assert row["comment"] == f'\'=cmd() "ST", saddle {hostile}'
    assert 0 < float(row["verdict_seconds"]) < 60
    assert "sample_id" not in table.columns


def test_two_readers_at_one_case_do_not_see_each_other_and_an_adjudicator_settles_it(reader: Sit) -> None:
    anna, ben = reader("anna"), reader("ben")
    for one in (anna, ben):
        one.open(4)
    anna.give_reading("y")
    assert not ben.page.locator("#model-view").is_visible()
    ben.give_reading("n")
    for one, key in ((anna, "a"), (ben, "d")):
        one.keys(key, "Enter")
        one.page.wait_for_selector("text=Case 4: saved.")
    ben.page.goto("/?view=agreement")
    ben.page.wait_for_selector("text=Where I disagree with the model")
    assert "anna" not in ben.page.inner_text("#agreement-page")

    cleo = reader("cleo")
    cleo.page.click("text=Agreement")
    cleo.page.click("#agreement-page tr.row:has-text('readers differ')")
    cleo.page.wait_for_selector("#give-final")
    said = cleo.page.inner_text("#settle")
    assert "anna" in said
    assert "ben" in said
    cleo.keys("y")
    cleo.page.wait_for_selector("#settle .answer input:checked")
    cleo.keys("Enter")
    cleo.page.wait_for_selector("text=Settled by cleo: Brugada pattern: yes")
    # What a reader is refused by the page is refused by the server too.
    ben.page.goto("/?settle=4")
    ben.page.wait_for_selector("text=only an adjudicator may settle a case")


def test_the_keyboard_alone_is_enough(reader: Sit) -> None:
    ben = reader("ben")
    ben.keys("/")
    ben.page.keyboard.type("6")
    ben.page.wait_for_function("document.querySelectorAll('tr.row').length < 8")
    ben.keys("Escape", "j", "Enter")
    ben.page.wait_for_selector("#give-reading")
    ben.page.wait_for_selector("#figure .main-svg >> nth=0")
    ben.give_reading("u")
    ben.keys("u", "Enter")
    ben.page.wait_for_selector("text=saved")
    ben.keys("m")
    ben.page.wait_for_selector("text=Leak audit")
    ben.keys("l")
    ben.page.wait_for_selector("tr.row")
    assert ben.page.locator("tr.row .mark:has-text('unsure')").count() == 1


def test_identifiers_are_shown_to_those_who_may_and_never_run(reader: Sit, records: Path, hostile: str) -> None:
    anna, cleo = reader("anna"), reader("cleo")
    names = [path.stem for path in records.glob("*.hea")]
    assert [name for name in names if name in anna.page.content() + " ".join(anna.bodies)] == []
    assert "broken" not in anna.page.inner_text("#list")
    shown = cleo.page.inner_text("#list")
    assert [name for name in names if name not in shown] == []
    number = 1 + sorted(names).index(hostile)
    cleo.open(number)
    assert hostile in cleo.page.inner_text(".case-head")
    cleo.page.goto("/?view=model")
    cleo.page.wait_for_selector("text=Leak audit")
    assert hostile in cleo.page.inner_text("#model")
    for one in (anna, cleo):
        assert one.page.evaluate("window.pwned") is None
        assert not any(name in one.page.url for name in names)


def test_a_record_that_was_set_aside_says_why(reader: Sit, records: Path) -> None:
    anna = reader("anna")
    anna.page.click("#status label:has-text('Set aside')")
    anna.page.wait_for_function("document.querySelectorAll('tr.row').length === 1")
    anna.page.click("tr.row")
    anna.page.wait_for_selector("text=Set aside, so the model says nothing")
    assert not anna.page.locator("#give-reading").is_visible()


def test_attribution_is_named_and_comes_with_its_caution(reader: Sit) -> None:
    cleo = reader("cleo")
    cleo.open(7)
    assert not cleo.page.locator("#explain").is_visible()
    cleo.give_reading()
    cleo.page.check("#explain input")
    cleo.page.wait_for_selector("text=not what ails the patient")
    cleo.page.wait_for_selector("#figure text:has-text('integrated gradients')")


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window_and_the_buttons_are_in_it(reader: Sit, size: tuple[int, int]) -> None:
    cleo = reader("cleo", size)

    def fits(*selectors: str) -> None:
        assert cleo.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert "Research use; not a medical device." in cleo.page.inner_text("#top")
        for selector in selectors:
            box = cleo.page.locator(selector).bounding_box()
            assert box is not None
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= size[1], selector

    fits("#search", "text=Next page")
    case = 8 + SIZES.index(size)
    cleo.open(case)
    fits("#give-reading", "a.next", "#figure")
    cleo.give_reading()
    fits("#agreement", "#comment", "#give-verdict", "a.next", "#figure .main-svg >> nth=0")
    for page, words in (("model", "Leak audit"), ("agreement", "To adjudicate")):
        cleo.page.goto(f"/?view={page}")
        cleo.page.wait_for_selector(f"text={words}")
        fits()


def test_accounts_are_an_admins(reader: Sit) -> None:
    anna = reader("anna")
    assert anna.page.locator("text=Accounts").count() == 0
    anna.page.goto("/?view=accounts")
    anna.page.wait_for_selector("text=only an admin may see accounts")
    dora = reader("dora")
    dora.page.click("text=Accounts")
    dora.page.fill("#account-name input, #account-name textarea", "emil")
    dora.page.click("text=Add account")
    dora.page.wait_for_selector("text=shown once")
    assert "to be changed at the next login" in dora.page.inner_text("#accounts tr:has-text('emil')")
    dora.page.click("text=Remove account")
    dora.page.wait_for_selector("text='emil' was removed")
    assert dora.page.locator("#accounts tr:has-text('emil')").count() == 0


def test_ten_thousand_cases_turn_their_pages_within_a_second(
    serve: Callable[..., str], stranger: Sit, bundle: Path, crowded: tuple[Path, Path]
) -> None:
    manifest, predictions = crowded
    address = serve(bundle, "--cases", manifest, "--predictions", predictions, "--open")
    one = stranger(address)
    one.log_in("anna")
    page = one.page
    page.wait_for_selector("tr.row")

    def timed(act: Callable[[], Any], shown: str) -> float:
        begun = time.perf_counter()
        act()
        page.wait_for_selector(shown)
        return time.perf_counter() - begun

    seconds = {
        "next page": timed(lambda: page.click("text=Next page"), "text=26 to 50 of 10000"),
        "search": timed(lambda: page.fill("#search textarea, #search input", "4321"), "tr.row >> nth=0 >> text=4321"),
        "clear": timed(lambda: page.fill("#search textarea, #search input", ""), "text=1 to 25 of 10000"),
        "filter": timed(lambda: page.click("#status label:has-text('Drifted')"), "text=/1 to 25 of 1[0-9]{3} /"),
    }
    page.goto("/?case=5000")
    page.wait_for_selector("#figure .main-svg >> nth=0")
    seconds["next case"] = timed(lambda: page.keyboard.press("j"), "#at-case-5001")
    one.close()
    print(json.dumps(seconds))
    assert max(seconds.values()) < 1.0, seconds


@pytest.mark.parametrize(
    ("words", "headers"),
    [
        (("--root-path", "/ecg"), {}),
        (("--proxy-address", "127.0.0.1", "--cookie-secure", "no"), {"X-Forwarded-Prefix": "/ecg"}),
    ],
    ids=["option", "header"],
)
def test_below_a_path_of_a_portal_everything_stays_there(
    serve: Callable[..., str],
    browser: Any,
    bundle: Path,
    records: Path,
    words: tuple[str, ...],
    headers: dict[str, str],
) -> None:
    viewer = serve(bundle, "--cases", records, *words)
    with stripping_proxy(viewer, "/ecg", headers) as (address, outside):
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        page = context.new_page()
        page.set_default_timeout(15_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(address)
        assert page.url == f"{address}/login"
        page.fill("[name=name]", "anna")
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_selector("tr.row")
        assert page.url == f"{address}/"
        page.click("tr.row >> nth=0")
        page.wait_for_selector("#at-case-1")
        assert page.url == f"{address}/?case=1"
        page.reload()
        page.wait_for_selector("#figure .main-svg >> nth=0")
        page.keyboard.press("y")
        page.wait_for_selector(".answer input:checked")
        page.keyboard.press("Enter")
        page.wait_for_selector("#model-view .main-svg >> nth=0")
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        page.wait_for_selector("#at-case-2")
        assert page.url == f"{address}/?case=2"
        page.click("text=Agreement")
        with page.expect_download() as download:
            page.click("text=Export as CSV")
        assert "anna" in Path(download.value.path()).read_text()
        assert {cookie["path"].rstrip("/") for cookie in context.cookies()} == {"/ecg"}
        page.click("text=Log out")
        page.wait_for_selector("[name=password]")
        assert page.url == f"{address}/login"
        context.close()
    assert outside == []
    assert problems == []
