"""GlucoNet: Farahmand et al. 2024, arXiv:2411.10703, release at commit 83a58fa."""
