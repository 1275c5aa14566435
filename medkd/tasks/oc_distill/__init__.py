"""OC-Distill: what belongs to it alone."""
