"""Engines: where the chunks of a run are computed, on this machine or on a Ray cluster."""
