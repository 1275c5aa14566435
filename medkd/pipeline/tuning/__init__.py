"""TODO medkd/pipeline/tuning."""
