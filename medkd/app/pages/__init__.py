"""What readers see: the pages of the viewer."""

from medkd.app.pages.shell import build

__all__ = ["build"]
