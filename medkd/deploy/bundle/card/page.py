"""``CARD.md``: the model card as a page, every value of it escaped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Undefined

from medkd.deploy.bundle.card.card_schema import Card
from medkd.deploy.bundle.card.formatting import figure, percent, with_interval
from medkd.deploy.bundle.card.methods import gives
from medkd.deploy.bundle.card.results import coverage_lines, weak_lines
from medkd.deploy.bundle.card.tripod import by_item, not_stated

_SPECIAL = re.compile(r"([\\`*\[\]<>|~#&])|(?<![^\W_])(_)|(_)(?![^\W_])")


def render_card(card: Card) -> str:
    """``CARD.md``, laid out by item of TRIPOD+AI: every value is escaped, so that no name in it can become markup."""
    # The output is Markdown, which HTML's escaping would spoil; ``finalize`` escapes it instead, each value as it is
    # written.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701
        undefined=StrictUndefined,
        finalize=escape_markdown,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "with_interval": with_interval}
    items = by_item(card)
    return environment.get_template("card.md.j2").render(
        card=card,
        # The page opens with what the abstract says.
        items=[item for item in items if item.is_stated and item.number != "2"],
        not_stated=not_stated(items),
        gives=gives(card),
        confidence=percent(card.settings.get("confidence", 0.95)),
        notable=[*coverage_lines(card), *weak_lines(card)],
    )


def escape_markdown(value: Any) -> Any:
    r"""Text in which nothing is markup and no line ends: it stays in its table cell.

    >>> print(escape_markdown("a|b <script> snake_case *x*"))
    a\|b \<script\> snake_case \*x\*
    """
    if isinstance(value, Undefined):
        return value
    text = " ".join(str(value).split())
    return _SPECIAL.sub(lambda sign: "\\" + sign[0], text)
