"""Standard methods, as their authors' code and torchdistill compute them."""
