"""TODO medkd/app/cases."""
