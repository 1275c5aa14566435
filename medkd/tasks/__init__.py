"""One system a folder."""
