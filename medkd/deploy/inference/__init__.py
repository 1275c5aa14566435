"""TODO medkd/deploy/inference."""
