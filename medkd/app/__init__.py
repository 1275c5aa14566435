"""The clinician's viewer."""
