"""A public set, several federated teachers, and one small student (FedMTFI, arXiv:2606.01607)."""
