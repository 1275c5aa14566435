"""TODO medkd/app/figures."""
