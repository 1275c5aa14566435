"""TODO medkd/papers/oc_distill."""
