"""Browser simulation: sends the requests that the pages send, and keeps the answers."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import httpx

PAGE = {"accept": "text/html,application/xhtml+xml", "sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
SCRIPT = {"accept": "*/*", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
_CONFIG = re.compile(r"window\.gradio_config = (\{.*?\});</script>", re.DOTALL)


class Visitor:
    """One window of one reader.

    Args:
        http: a client of the server, with cookies of its own; starlette's test client is one too.
    """

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.shown: dict[str, Any] = {}
        self._session = secrets.token_hex(6)
        self._handlers: dict[tuple[str, str], dict[str, Any]] = {}
        self._names: dict[int, str] = {}

    def log_in(self, name: str, password: str) -> httpx.Response:
        """As the form does."""
        return self.http.post("/login", data={"name": name, "password": password}, headers=PAGE, follow_redirects=False)

    def visit(self, address: str = "/") -> dict[str, Any]:
        """Load the page of this address (``/?case=3``), then what its own script asks for at once."""
        page = self.http.get(address, headers=PAGE, follow_redirects=True)
        page.raise_for_status()
        match = _CONFIG.search(page.text)
        assert match, f"no page of the viewer, but {page.url}"
        config = json.loads(match[1])
        self._names, self.shown = {}, {}
        for part in config["components"]:
            properties = part["props"]
            name = (
                properties.get("elem_id")
                or properties.get("label")
                or (part["type"] == "button" and properties.get("value"))
                or f"#{part['id']}"
            )
            self._names[part["id"]] = name
            self.shown[name] = properties.get("value")
        self._handlers = {}
        for handler in config["dependencies"]:
            for part, event in handler["targets"]:
                self._handlers[self._names.get(part, "page"), event] = handler
        return self.ask("page", "load", query=address.partition("?")[2])

    def say(self, command: str) -> dict[str, Any]:
        """Follow a link of the pages: ``case 3``, ``list``, ``page 2``, ``model``."""
        return self.ask("say", "change", say=command)

    def read(self, **answers: str) -> dict[str, Any]:
        """Submit a reading: an answer by the question's label."""
        return self.ask("give-reading", "click", **answers)

    def judge(self, agreement: str, comment: str = "") -> dict[str, Any]:
        """Save a verdict."""
        return self.ask("give-verdict", "click", agreement=agreement, comment=comment)

    def ask(self, part: str, event: str = "click", query: str = "", **values: Any) -> dict[str, Any]:
        """Send an event of a part of the page.

        Args:
            part: its ``elem_id``, else its label, else a button's text.
            event: what happened to it.
            query: of the page's address.
            values: what the user did to other parts first.

        Returns:
            What changed, by part.
        """
        answer = self.send(part, event, query, **values)
        answer.raise_for_status()
        changed = {}
        handler = self._handlers[part, event]
        for number, value in zip(handler["outputs"], answer.json()["data"], strict=True):
            # A part that is updated may keep its value.
            if isinstance(value, dict) and value.get("__type__") == "update":
                if "value" not in value:
                    continue
                value = value["value"]
            changed[self._names[number]] = value
        self.shown |= changed
        return changed

    def send(self, part: str, event: str = "click", query: str = "", **values: Any) -> httpx.Response:
        """The request of ``ask``, whatever is answered."""
        self.shown |= values
        handler = self._handlers[part, event]
        body = {
            "data": [self.shown[self._names[number]] for number in handler["inputs"]],
            "fn_index": handler["id"],
            "session_hash": self._session,
            "event_data": None,
            "trigger_id": handler["targets"][0][0],
        }
        return self.http.post(f"/gradio_api/run/predict{f'?{query}' if query else ''}", json=body, headers=SCRIPT)

    @property
    def text(self) -> str:
        """All that was answered so far, as it came."""
        return json.dumps(self.shown, ensure_ascii=False)
