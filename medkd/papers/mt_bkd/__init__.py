"""MT-BKD: Fang et al. 2026, Multi-Teacher Distillation via Teacher-Informed Mixture Priors, arXiv:2605.27967."""
