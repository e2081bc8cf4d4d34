"""Chooses, once, between the compiled twins and their Python specification."""

from protocol.decode import decode

__all__ = ["decode"]
