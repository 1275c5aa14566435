"""Where batch inference runs."""
