"""Privileged knowledge distillation for medicine: train on everything, deploy on one modality, say whether it helped.

Research software; not a medical device.
"""

__version__ = "0.1.0"
