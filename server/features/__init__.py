"""FEATURES: the subsystems in the order they load."""
