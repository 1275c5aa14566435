"""What cohorts of intensive care share: stays, the rules of their targets, and where the hours of events come from.

No cohort itself.
"""
