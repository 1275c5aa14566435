"""One kind of signal a file or folder."""
