"""TODO medkd/app/server."""
