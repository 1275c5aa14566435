"""Yasar 2026, Student Capacity Moderates Knowledge Distillation Effectiveness, arXiv:2605.31191."""
