"""MoMKD: Momentum Memory for Knowledge Distillation in Computational Pathology, arXiv:2602.21395."""
