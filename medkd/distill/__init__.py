"""Distillation: learners, banks of teacher outputs, and the module that fits a student to them."""
