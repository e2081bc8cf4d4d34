"""Inverted indexes: the keys that values have in them, and what conditions ask of them."""
