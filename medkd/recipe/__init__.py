"""The stages of a task."""
