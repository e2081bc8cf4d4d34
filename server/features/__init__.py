"""FEATURES: the subsystems in the order they load."""

from server.feature import Feature

FEATURES: tuple[Feature, ...] = ()
