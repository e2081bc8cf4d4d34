from collections.abc import Sequence

from protocol.rows import EncodeColumn

def encode_rows(columns: Sequence[EncodeColumn], row_count: int) -> bytes: ...
def frame_rows(columns: Sequence[Sequence[bytes | None]], row_count: int) -> bytes: ...
def encode_copy_rows(
    columns: Sequence[EncodeColumn],
    row_count: int,
    delimiter: bytes = b"\t",
    null: bytes = b"\\N",
) -> bytes: ...
