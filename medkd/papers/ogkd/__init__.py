"""OGKD: Geometry-Aware Distillation for Prompt Tuning Biomedical Vision-Language Models, arXiv:2606.04922."""
