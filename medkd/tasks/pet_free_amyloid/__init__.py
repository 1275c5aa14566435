"""PET at training time, MRI alone in the clinic (PET-free amyloid detection, arXiv:2604.12574)."""
