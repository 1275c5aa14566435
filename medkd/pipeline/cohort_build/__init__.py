"""TODO medkd/pipeline/cohort_build."""
