"""Twelve leads at training time, lead I at the bedside."""
