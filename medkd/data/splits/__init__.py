"""TODO medkd/data/splits."""
