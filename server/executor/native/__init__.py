"""Chooses, once, between the compiled twins and their Python specification."""

try:
    from server.executor.native.key_codes import IntegerCodes, object_codes
except ImportError:  # not built: the specification runs instead
    from server.executor.key_codes import IntegerCodes, object_codes  # type: ignore[assignment]

__all__ = ["IntegerCodes", "object_codes"]
