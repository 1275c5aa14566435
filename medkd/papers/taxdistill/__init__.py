"""TaxDistill: Ye et al. 2026, arXiv:2605.28868."""
