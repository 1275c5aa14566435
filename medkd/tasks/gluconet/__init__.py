"""GlucoNet: what belongs to it alone."""
