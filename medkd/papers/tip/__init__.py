"""TIP: Xu et al. 2026, Token Importance in On-Policy Distillation, arXiv:2604.14084."""
