"""Chooses, once, between the compiled twins and their Python specification."""

try:
    from server.executor.native.key_codes import IntegerCodes, ViewCodes, object_codes
    from server.executor.native.machine import run as run_program
except ImportError:  # not built: the specification runs instead
    from server.executor.key_codes import (  # type: ignore[assignment]
        IntegerCodes,
        ViewCodes,
        object_codes,
    )
    from server.executor.machine import run as run_program

__all__ = ["IntegerCodes", "ViewCodes", "object_codes", "run_program"]
