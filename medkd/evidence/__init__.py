"""The evidence: does the teacher help? Metrics, intervals, the leak audit, the verdict and the report."""
