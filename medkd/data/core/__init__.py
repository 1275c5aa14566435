"""Samples, targets, views, modalities and cohorts: the objects that everything else is about."""
