"""Gene expression at training time, the stained patch at the microscope (RankByGene, arXiv:2411.15076)."""
