"""The synthetic world: samples with a known best answer, and the benchmark on them."""
