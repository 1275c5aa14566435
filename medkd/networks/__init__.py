"""Networks, and parts of networks, that any task may use."""
