"""TODO medkd/deploy/inference/engines."""
