"""TODO medkd/deploy/bundle/card."""
