"""What a sample is, and how it reaches a network."""
