"""Clinician's viewer: a local web server in which readers review cases beside a bundle's output."""
