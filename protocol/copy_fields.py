"""How COPY shows values in its text and csv formats."""

from collections.abc import Sequence

from protocol.copy_text import Columns, Dialect


def copy_escapes(delimiter: bytes) -> dict[int, bytes]:
    """Return what stands for the bytes that COPY's text format must not show as they are."""
    escapes = {
        ord("\\"): b"\\\\",
        ord("\b"): b"\\b",
        ord("\f"): b"\\f",
        ord("\n"): b"\\n",
        ord("\r"): b"\\r",
        ord("\t"): b"\\t",
        ord("\v"): b"\\v",
    }
    if delimiter[0] not in escapes:
        escapes[delimiter[0]] = b"\\" + delimiter
    return escapes


def copy_escape(value: bytes, escapes: dict[int, bytes]) -> bytes:
    """Return a value as COPY's text format shows it."""
    if not any(byte in escapes for byte in value):
        return value
    return b"".join(escapes.get(byte) or bytes((byte,)) for byte in value)


def csv_fields(
    columns: Columns, dialect: Dialect, force_quote: Sequence[bool]
) -> list[list[bytes]]:
    """Return values as fields of csv, with quotes where they need them. force_quote: none, or one for each column."""
    # What would be read as NULL needs them; so does what alone on its line would be taken for the end of the data.
    odd = (dialect.null, b"\\.") if len(columns) == 1 else (dialect.null,)
    forced = force_quote or (False,) * len(columns)
    return [
        [
            dialect.null
            if value is None
            else _csv_field(value, dialect, quoted=force or value in odd)
            for value in column
        ]
        for column, force in zip(columns, forced, strict=True)
    ]


def _csv_field(value: bytes, dialect: Dialect, *, quoted: bool) -> bytes:
    quote, escape = dialect.quote, dialect.escape
    special = dialect.delimiter + quote + b"\r\n"
    if not (quoted or any(byte in special for byte in value)):
        return value
    if escape != quote:
        value = value.replace(escape, escape * 2)
    return quote + value.replace(quote, escape + quote) + quote
