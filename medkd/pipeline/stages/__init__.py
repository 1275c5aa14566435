"""TODO medkd/pipeline/stages."""
