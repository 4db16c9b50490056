"""Alembic's scripts: one module a step, in ``versions``."""
