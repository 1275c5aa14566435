"""Batch inference: find items, plan chunks, score them, merge the chunks into tables."""
