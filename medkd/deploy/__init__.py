"""Deployment: the bundle, batch inference with it, and its evaluation on new patients."""
