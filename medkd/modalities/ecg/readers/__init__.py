"""One file format a file; each gives a ``Recording``."""
