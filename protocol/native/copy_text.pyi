from collections.abc import Sequence

from protocol.copy_text import Dialect, Split

def decode_columns(
    data: bytes, column_names: Sequence[str], dialect: Dialect, line_end: int, last: bool
) -> Split: ...
