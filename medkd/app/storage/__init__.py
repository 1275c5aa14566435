"""TODO medkd/app/storage."""
