"""COPY data in an encoding other than UTF8: converted piece by piece, then decoded as any other."""

from typing import TYPE_CHECKING

from protocol.encodings import Encoding, PieceDecoder
from protocol.errors import CopyFormatError, ProtocolError

if TYPE_CHECKING:
    from protocol.copy_format import TextDecoder
    from protocol.copy_lines import CopyLines
    from protocol.copy_spans import Spans
    from protocol.copy_text import Columns


class EncodedDecoder:
    """A decoder of text or csv, behind the conversion of its data; the fields it gives are UTF-8."""

    def __init__(self, decoder: "TextDecoder", encoding: Encoding) -> None:
        self._decoder = decoder
        self._pieces = PieceDecoder(encoding)
        self._line_count = 0

    @property
    def row_count(self) -> int:
        """How many rows there were so far."""
        return self._decoder.row_count

    @property
    def lines(self) -> "CopyLines":
        """Where the rows stood; lines are UTF-8."""
        return self._decoder.lines

    def feed(self, data: bytes) -> "Columns":
        """Take a piece; return the rows that it completes."""
        return self._decoder.feed(self._converted(data))

    def take_plain(self, data: bytes) -> "Spans | None":
        """Take nothing: what was converted has to be fed."""
        del data
        return None

    def finish(self) -> "Columns":
        """Return what the end of the data completes."""
        last = self._decoder.feed(self._converted(b"", is_last=True))
        rest = self._decoder.finish()
        return [[*some, *more] for some, more in zip(last, rest, strict=True)]

    def _converted(self, data: bytes, *, is_last: bool = False) -> bytes:
        try:
            converted = self._pieces.feed(data, is_last=is_last)
        except ProtocolError as error:
            line_no = self._line_count + self._pieces.failed_after.count(b"\n") + 1
            raise CopyFormatError(
                error.message, line_no=line_no, sqlstate=error.sqlstate
            ) from error
        self._line_count += converted.count(b"\n")
        return converted
