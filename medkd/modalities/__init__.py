"""Modalities: kinds of signals, one per folder."""
