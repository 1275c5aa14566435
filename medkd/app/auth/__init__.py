"""TODO medkd/app/auth."""
