"""PTA: Weng et al. 2026, Purify-then-Align, arXiv:2604.05584."""
