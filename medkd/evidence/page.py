"""Pages of one look: no script, no request to any server, every word from outside escaped."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def page_environment(package: str = "medkd.evidence") -> Environment:
    """Where the templates of a package are found, and beside them ``look.css.j2``, which all pages share.

    Args:
        package: dotted name of the one that holds the page's own template.
    """
    loaders = [PackageLoader(name, ".") for name in dict.fromkeys((package, "medkd.evidence"))]
    return Environment(loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
