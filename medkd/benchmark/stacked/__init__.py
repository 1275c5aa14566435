"""Stacked training: many small networks of one shape, trained at once."""
