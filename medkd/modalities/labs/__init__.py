"""Laboratory results."""

from medkd.modalities.labs.labs import Labs

__all__ = ["Labs"]
