"""PicoSAM3: arXiv:2603.11917."""
