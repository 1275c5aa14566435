"""Migrations of the schema in Alembic's layout; each file in ``versions`` is one step."""
