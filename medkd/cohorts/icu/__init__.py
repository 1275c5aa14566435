"""Parts that cohorts of intensive care share: stays, targets, hours of events; no cohort of its own."""
