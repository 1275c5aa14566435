"""OC-Distill: Liang et al. 2026, arXiv:2604.16878."""
