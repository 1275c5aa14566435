"""The benchmark: what each objective gains, on a synthetic world with a known answer and on real cohorts."""
