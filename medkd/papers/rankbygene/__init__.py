"""RankByGene: Huang et al. 2024, arXiv:2411.15076."""
