"""A learned prompt taught by many fixed ones, smoothed over a graph of classes (OGKD, arXiv:2606.04922)."""
