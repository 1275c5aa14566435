"""Pipeline: from a recipe and a cohort to trained models, a report and a bundle, stage by stage."""
