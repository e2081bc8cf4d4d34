"""Utility statements: one module a subject, each ending in its UTILITIES."""
