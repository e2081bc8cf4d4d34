"""Results: batches of columns to the messages that carry them.

Columns of common types go to the wire straight from their arrays; the others through the codecs of their type.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from protocol.copy_format import CopyFormat, CopyOptions
from protocol.encode import frame
from protocol.encodings import Encoding, to_client
from protocol.errors import ErrorFields
from protocol.messages import CopyRows, DataRows, FieldDescription, RowDescription
from protocol.native import encode_csv_rows, encode_rows, encode_text_rows
from protocol.rows import COPY_DATA, ColumnKind, EncodeColumn, encode_column, frame_rows
from server.errors import InvalidParameterValue, ProtocolViolation
from server.oids import FLOAT4, FLOAT8, NUMERIC, TIMESTAMPTZ
from server.types.client_text import converted_column, converted_rows
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from server.planner.planned import PlannedStatement
    from server.statements.statement import Description
    from server.types.type import TextStyle, Type, TypeReference
    from server.vector.batch import Batch
    from server.vector.column import Column

FIXED_KINDS: Mapping[int, ColumnKind] = {
    16: ColumnKind.BOOL,
    21: ColumnKind.INT16,
    23: ColumnKind.INT32,
    20: ColumnKind.INT64,
    26: ColumnKind.UINT32,
    700: ColumnKind.FLOAT4,
    701: ColumnKind.FLOAT8,
    1082: ColumnKind.DATE,
    1114: ColumnKind.TIMESTAMP,
    1184: ColumnKind.TIMESTAMPTZ,
}
_TEXT_OIDS = frozenset((19, 25, 1042, 1043))
_STYLED = frozenset((1082, 1114))

PIECE_COST: Final = 1 << 17
"""What a message of rows may cost, in values that are written straight from an array: some milliseconds."""

CODEC_COST: Final = 32
"""What a value costs that goes through the codec of its type."""

BYTES_A_COST: Final = 64
SAMPLE_ROWS: Final = 64
"""So many texts say how long they are; as few rows go out together whatever they are."""


_FORMATS: Final = frozenset((0, 1))


def row_description(planned: PlannedStatement, formats: Sequence[int]) -> RowDescription:
    """The columns a statement returns; formats are those of Bind, spread over the columns."""
    fields = []
    for position, (name, reference) in enumerate(zip(planned.names, planned.types, strict=True)):
        table, number = planned.origins[position]
        kind = reference.type
        fields.append(
            FieldDescription(
                name, table, number, kind.oid, kind.length, reference.modifier, formats[position]
            )
        )
    return RowDescription(tuple(fields))


def spread_formats(formats: Sequence[int], count: int) -> tuple[int, ...]:
    """Formats as Bind gives them - none, one for all, one each - as one each."""
    if len(formats) == count:
        return tuple(formats)
    if len(formats) > 1:
        raise ProtocolViolation(
            f"bind message has {len(formats)} result formats but query has {count} columns"
        )
    return (formats[0] if formats else 0,) * count


def has_known_formats(formats: Sequence[int]) -> bool:
    """Whether values are to be text or binary, and nothing else."""
    return _FORMATS.issuperset(formats)


def check_formats(formats: Sequence[int]) -> None:
    """Raise for a value that is to be neither text nor binary, which nobody minds before there is one."""
    for code in formats:
        if code not in _FORMATS:
            raise InvalidParameterValue(f"unsupported format code: {code}")


def pieces(
    batch: Batch, types: Sequence[TypeReference], formats: Sequence[int], style: TextStyle
) -> Iterator[Batch]:
    """The rows of a batch in parts that are soon written: between two it is the others' turn.

    And that of a request to cancel.
    """
    if batch.count <= SAMPLE_ROWS:
        yield batch
        return
    cost, rows_min = 0, 1
    for column, reference, code in zip(batch.columns, types, formats, strict=True):
        cost += _value_cost(column, reference.type, code == 1, style)
        if column.dictionary is not None:  # each part writes all words
            rows_min = max(rows_min, len(column.dictionary))
    row_count = max(rows_min, PIECE_COST // max(cost, 1))
    if row_count >= batch.count:
        yield batch
        return
    for start in range(0, batch.count, row_count):
        yield batch.slice(start, start + row_count)


def _value_cost(column: Column, kind: Type, binary: bool, style: TextStyle) -> int:
    if isinstance(column, TextColumn):
        lengths = np.ascontiguousarray(column.views[:SAMPLE_ROWS]).view(np.uint32)[::4]
        return 1 + int(lengths.mean()) // BYTES_A_COST if len(lengths) else 1
    is_plain = fixed_kind(kind, binary, style) is not None or kind.oid in _TEXT_OIDS
    is_decimal = kind.oid == NUMERIC and column.scale is not None
    return 1 if is_plain or is_decimal else CODEC_COST


def data_rows(
    batch: Batch, types: Sequence[TypeReference], formats: Sequence[int], style: TextStyle
) -> DataRows:
    """The rows of a batch as DataRow messages."""
    columns = [
        encoded_column(column, reference.type, code == 1, style)
        for column, reference, code in zip(batch.columns, types, formats, strict=True)
    ]
    if style.encoding is not None:
        kinds = [reference.type for reference in types]
        return converted_rows(columns, kinds, batch.count, style.encoding)
    return DataRows(encode_rows(columns, batch.count))


def encoded_column(column: Column, kind: Type, binary: bool, style: TextStyle) -> EncodeColumn:
    """A column in the form the wire writes fastest."""
    fixed = fixed_kind(kind, binary, style)
    if fixed is not None and column.values.dtype != object and column.dictionary is None:
        return EncodeColumn(kind=fixed, values=column.values, valid=column.valid, binary=binary)
    if kind.oid == NUMERIC and column.scale is not None:
        return EncodeColumn(
            kind=ColumnKind.DECIMAL,
            values=column.values,
            valid=column.valid,
            binary=binary,
            scale=column.scale,
        )
    if kind.oid in _TEXT_OIDS:
        return _text_column(column, binary)
    return _through_codec(column.decoded(), kind, binary, style)


def fixed_kind(kind: Type, binary: bool, style: TextStyle) -> ColumnKind | None:
    """What the wire writes arrays of a type's values as; None: the type's codec is asked."""
    if not binary:
        if kind.oid in _STYLED and style.date_style != "ISO":
            return None
        if kind.oid == TIMESTAMPTZ and (style.date_style != "ISO" or style.time_zone != "UTC"):
            return None
        if kind.oid in (FLOAT4, FLOAT8) and style.extra_float_digits < 1:
            return None
    return FIXED_KINDS.get(kind.oid)


def _text_column(column: Column, binary: bool) -> EncodeColumn:
    if column.dictionary is not None:
        return EncodeColumn(
            kind=ColumnKind.DICTIONARY,
            values=column.values,
            valid=column.valid,
            binary=binary,
            dictionary=[str(value).encode() for value in column.dictionary.values],
        )
    return EncodeColumn(
        kind=ColumnKind.BYTES, values=column.values, valid=column.valid, binary=binary
    )


def _through_codec(column: Column, kind: Type, binary: bool, style: TextStyle) -> EncodeColumn:
    encoded = kind.send_column(column) if binary else kind.format_column(column, style)
    return EncodeColumn(kind=ColumnKind.BYTES, values=encoded, binary=binary)


def first_value(column: Column, kind: Type, binary: bool, style: TextStyle) -> bytes | None:
    """The first value of a column as the client is to have it."""
    encoded = encoded_column(column, kind, binary, style)
    if style.encoding is not None:
        return converted_column(encoded, kind, style.encoding)[0]
    return encode_column(encoded)[0]


def row_values(column: Column) -> list[object]:
    """The values of a column in row form, None for NULL."""
    column = column.decoded()
    values: list[object] = column.values.tolist()
    if column.scale is not None:
        values = [Decimal(value).scaleb(-column.scale) for value in column.values.tolist()]
    if column.valid is None:
        return values
    return [
        value if valid else None for value, valid in zip(values, column.valid.tolist(), strict=True)
    ]


def error_fields(error: BaseException, severity: str = "ERROR") -> ErrorFields:
    """What an ErrorResponse or NoticeResponse says of an error."""
    get = error.__dict__.get if hasattr(error, "__dict__") else lambda name, default: default
    return ErrorFields(
        severity=severity,
        sqlstate=getattr(error, "sqlstate", "XX000"),
        message=str(error),
        detail=get("detail", "") or "",
        hint=get("hint", "") or "",
        position=get("position", 0) or 0,
        internal_position=get("internal_position", 0),
        internal_query=get("internal_query", ""),
        where=get("context", "") or "",
        schema=get("schema", "") or "",
        table=get("table", "") or "",
        column=get("column", "") or "",
        constraint=get("constraint", "") or "",
        datatype=get("datatype", "") or "",
        routine=getattr(error, "routine", ""),
    )


def described(description: Description, formats: Sequence[int]) -> RowDescription:
    """The columns a utility statement returns."""
    fields = []
    for position, name in enumerate(description.names):
        reference = description.types[position]
        kind = reference.type
        fields.append(
            FieldDescription(
                name, 0, 0, kind.oid, kind.length, reference.modifier, formats[position]
            )
        )
    return RowDescription(tuple(fields))


def copy_rows(
    batch: Batch, types: Sequence[TypeReference], options: CopyOptions, style: TextStyle
) -> CopyRows:
    """The rows of a batch as COPY sends them: one CopyData a row.

    Texts inside binary data are in the client's encoding, whatever ENCODING says, as PostgreSQL has it.
    """
    is_binary = options.format is CopyFormat.BINARY
    columns = [
        encoded_column(column, reference.type, is_binary, style)
        for column, reference in zip(batch.columns, types, strict=True)
    ]
    if is_binary:
        if style.encoding is not None:
            values = [
                converted_column(column, reference.type, style.encoding)
                for column, reference in zip(columns, types, strict=True)
            ]
            return CopyRows(frame_rows(values, batch.count, COPY_DATA))
        return CopyRows(encode_rows(columns, batch.count, COPY_DATA))
    if options.format is CopyFormat.CSV:
        rows = encode_csv_rows(columns, batch.count, options.dialect, options.force_quote)
    else:
        rows = encode_text_rows(columns, batch.count, options.delimiter, options.null)
    return CopyRows(rows if options.encoding is None else _converted(rows, options.encoding))


def _converted(rows: bytes, encoding: Encoding) -> bytes:
    """CopyData messages whose texts are in another encoding."""
    parts, start = [], 0
    while start < len(rows):
        end = start + 1 + int.from_bytes(rows[start + 1 : start + 5])
        parts.append(frame(COPY_DATA, to_client(rows[start + 5 : end], encoding)))
        start = end
    return b"".join(parts)
