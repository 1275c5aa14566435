"""CoRe-KD: Pan et al. 2026, State-Anchored Complete-View Distillation, arXiv:2605.29590 (no release)."""
