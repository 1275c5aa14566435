"""The model card: a run's facts as ``card.json``, and as a page by item of TRIPOD+AI."""
