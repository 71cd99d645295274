"""Heads that are linear in fixed features: solver and scorer (numba), the cascade, one-vs-rest."""
