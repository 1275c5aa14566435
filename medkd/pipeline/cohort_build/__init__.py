"""Cohorts outside any task: built in parts or whole, checked, described."""
