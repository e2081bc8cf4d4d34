"""Chooses, once, between the compiled twins and their Python specification."""

from protocol.decode import decode

try:
    from protocol.native.rows import encode_copy_rows, encode_rows, frame_rows
except ImportError:  # not built
    from protocol.rows import encode_copy_rows, encode_rows, frame_rows

__all__ = ["decode", "encode_copy_rows", "encode_rows", "frame_rows"]
