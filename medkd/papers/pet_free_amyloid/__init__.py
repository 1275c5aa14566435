"""TODO medkd/papers/pet_free_amyloid."""
