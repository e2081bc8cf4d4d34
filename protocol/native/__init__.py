"""Chooses, once, between the compiled twins and their Python specification."""

try:
    from protocol.native.binary_rows import take_rows
    from protocol.native.copy_pieces import join_copy_data
    from protocol.native.copy_rows import encode_csv_rows, encode_text_rows
    from protocol.native.copy_spans import plain_spans
    from protocol.native.copy_text import decode_columns
    from protocol.native.decode import decode
    from protocol.native.rows import encode_rows, frame_rows
except ImportError:  # not built
    from protocol.binary_rows import take_rows
    from protocol.copy_pieces import join_copy_data
    from protocol.copy_rows import encode_csv_rows, encode_text_rows
    from protocol.copy_spans import plain_spans
    from protocol.copy_text import decode_columns
    from protocol.decode import decode
    from protocol.rows import encode_rows, frame_rows

__all__ = [
    "decode",
    "decode_columns",
    "encode_csv_rows",
    "encode_rows",
    "encode_text_rows",
    "frame_rows",
    "join_copy_data",
    "plain_spans",
    "take_rows",
]
