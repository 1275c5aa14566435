"""Evaluation of a bundle on patients that it was not trained on: external validation, and follow-up of a run."""
