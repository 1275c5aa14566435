"""TODO medkd/papers/evl_ecg."""
