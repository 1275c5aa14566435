"""Alembic's folder: each file in ``versions`` is one step of the schema."""
