from collections.abc import Sequence

from protocol.copy_text import Dialect
from protocol.rows import EncodeColumn

def encode_text_rows(
    columns: Sequence[EncodeColumn],
    row_count: int,
    delimiter: bytes = b"\t",
    null: bytes = b"\\N",
) -> bytes: ...
def encode_csv_rows(
    columns: Sequence[EncodeColumn],
    row_count: int,
    dialect: Dialect,
    force_quote: Sequence[bool] = (),
) -> bytes: ...
