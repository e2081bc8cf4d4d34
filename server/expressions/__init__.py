"""Typed expressions: what plans carry, and their evaluation over rows and columns."""
