"""HPD: Zhu et al. 2026, Hybrid Policy Distillation for LLMs, arXiv:2604.20244."""
