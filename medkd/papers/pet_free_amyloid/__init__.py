"""PET-free amyloid detection: Chiumento et al. 2026, arXiv:2604.12574."""
