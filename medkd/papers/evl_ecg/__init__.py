"""EVL-ECG: Nguyen et al. 2026, arXiv:2605.29977 (no release)."""
