"""The report's pictures, one concept a file, each drawn from the report's own numbers."""
