from collections.abc import Sequence

from protocol.rows import EncodeColumn

def encode_rows(columns: Sequence[EncodeColumn], row_count: int, tag: bytes = b"D") -> bytes: ...
def frame_rows(
    columns: Sequence[Sequence[bytes | None]], row_count: int, tag: bytes = b"D"
) -> bytes: ...
