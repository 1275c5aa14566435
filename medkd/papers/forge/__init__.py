"""FORGE: Chen and Yu 2026, arXiv:2604.14259."""
