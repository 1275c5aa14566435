"""Cases of the viewer: their source, scores, displays and attributions, and the work list."""
