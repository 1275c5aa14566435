"""FedMTFI: Shadin et al. 2026, arXiv:2606.01607."""
