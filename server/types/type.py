"""Type: an SQL type as the server knows it - identity, physical form and codecs.

Every value has a *row form*, the Python object that stands for it in constants, parameters and
object columns:

    bool bool | int2/4/8 oid int | float4/8 float | numeric decimal.Decimal | text family str
    bytea bytes | date int days, time and timestamps int microseconds since 2000-01-01
    interval Interval | uuid bytes | arrays Array | composite types Record | jsonb Jsonb

and most have a *column form*, an array of a fixed dtype; the others live in columns of objects of
their row form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from server.vector.column import Column

if TYPE_CHECKING:
    import numpy as np

    from protocol.encodings import Encoding
    from server.types.icu import Collator
    from server.types.range import RangeKind

Value = Any
"""A value in row form. NULL never reaches a codec."""


class ObjectNames(Protocol):
    """The catalog as the reg* types see it: names of objects under the session's search path."""

    def name_of(self, type_name: str, oid: int) -> str | None:
        """Write the object as `type_name` (regclass, ...) does; None where there is none."""

    def oid_of(self, type_name: str, text: str) -> int:
        """Find the object that the text names; raises PostgreSQL's error where there is none."""


@dataclass(frozen=True, slots=True)
class TextStyle:
    """The settings that text input and output depend on."""

    date_style: str = "ISO"  # ISO, SQL, Postgres, German
    date_order: str = "MDY"
    interval_style: str = "postgres"
    time_zone: str = "UTC"
    extra_float_digits: int = 1
    bytea_output: str = "hex"
    now_us: int = 0  # start of the transaction, for 'now' and 'today'; 0: ask `moment`
    encoding: Encoding | None = None  # of the client, where it is not the server's
    names: ObjectNames | None = None  # without it reg* values are printed and read as numbers
    moment: Callable[[], int] | None = field(
        default=None, compare=False
    )  # when a transaction began

    def now(self) -> int:
        """What 'now' means: the start of the transaction in microseconds."""
        return self.now_us if self.now_us or self.moment is None else self.moment()

    def at(self, now_us: int) -> TextStyle:
        """The same in a transaction that began then."""
        return TextStyle(
            self.date_style,
            self.date_order,
            self.interval_style,
            self.time_zone,
            self.extra_float_digits,
            self.bytea_output,
            now_us,
            self.encoding,
            self.names,
            self.moment,
        )

    def knowing(self, names: ObjectNames, moment: Callable[[], int]) -> TextStyle:
        """The same for one who knows the catalog's names, and when his transactions began."""
        return TextStyle(
            self.date_style,
            self.date_order,
            self.interval_style,
            self.time_zone,
            self.extra_float_digits,
            self.bytea_output,
            self.now_us,
            self.encoding,
            names,
            moment,
        )


PLAIN_STYLE: Final = TextStyle()
"""The style of binary input and of everything that is not shown to a client."""

Parse = Callable[[str, int, TextStyle], Value]
Format = Callable[[Value, TextStyle], str]
Receive = Callable[[bytes, int], Value]
Send = Callable[[Value], bytes]
ParseColumn = Callable[[Sequence[bytes | None], int, TextStyle], Column]


@dataclass(frozen=True, slots=True)
class Subscripting:
    """What a subscript, a text, means: fetch gives the text under it, or None; store the value with another there."""

    fetch: Callable[[Value, str], str | None]
    store: Callable[[Value | None, list[Any], str | None], Value]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Type:
    """An SQL type. Compared by identity; `oid` is PostgreSQL's for built-in types.

    parse and receive raise SqlError for what is not a value of the type; their second argument is
    the type modifier (-1: none), which they enforce as input functions do. coerce applies a type
    modifier to a value as an explicit or assignment cast does, None where the type takes no
    modifier.

    to_storage and from_storage translate between the column form and what storage keeps: arrays of
    the kind's dtype, for FIXED16 of dtype V16, for BYTES a list of bytes. Rows that are NULL hold
    anything in arrays and b"" in lists. store_value and load_value do the same for one value; None
    where both forms are the same. parse_column reads the fields of a COPY column, None for NULL.

    sort_key gives a hashable object, equal for values that the type's = calls equal; None where the
    row form is one itself. key_value gives the part of an index key (int, float, bool, bytes or
    Decimal) that storage orders as the type does; None where the stored form is one already.
    """

    oid: int
    name: str  # catalog name: int4, varchar, timestamptz
    sql_name: str  # as format_type prints it: integer, character varying, timestamp with time zone
    array_oid: int = 0
    element_oid: int = 0
    category: str = "U"
    preferred: bool = False
    length: int = -1  # typlen: bytes, -1 varlena, -2 cstring
    by_value: bool = False
    alignment: str = "i"
    storage_strategy: str = "p"
    delimiter: str = ","
    collation: int = 0
    kind: str = "b"  # typtype: b c d e p r m
    is_shell: bool = False  # declared for the functions of a type to come
    range: RangeKind | None = None  # of range and multirange types
    base: Type | None = None  # what is at the bottom of a domain
    fields: tuple[tuple[str, TypeReference], ...] = ()  # of composite types
    dtype: np.dtype[Any]  # of columns; object where the width is not fixed
    storage_kind: str  # BOOL INT16 INT32 INT64 FLOAT32 FLOAT64 FIXED16 BYTES
    parse: Parse
    format: Format
    receive: Receive
    send: Send
    modifier_in: Callable[[tuple[Any, ...]], int] | None = None
    modifier_out: Callable[[int], str] | None = None
    coerce: Callable[[Value, int, bool], Value] | None = None  # value, modifier, explicit
    keep: Send | None = None  # the form inside another value that is stored, if not that of clients
    kept: Callable[[bytes], Value] | None = None  # and back
    storage_kind_of: Callable[[int], str] | None = None  # by modifier, where it matters (numeric)
    to_storage: Callable[[Column, int], Any]  # column, modifier -> ndarray or list of bytes
    from_storage: Callable[[Any, Any, int], Column]  # values, valid, modifier
    store_value: Callable[[Value, int], Any] | None = None
    load_value: Callable[[Any, int], Value] | None = None
    format_column: Callable[[Column, TextStyle], list[bytes | None]]
    send_column: Callable[[Column], list[bytes | None]]
    parse_column: ParseColumn
    sort_key: Callable[[Value], Any] | None = (
        None  # row form to something Python orders as the type does
    )
    key_value: Callable[[Value], Any] | None = None  # see index_key
    collator: Collator | None = None  # of what is ordered by the rules of a language
    uncollated: Type | None = None  # the type itself, of one that a collator orders
    subscripting: Subscripting | None = None  # of a type of an extension that has parts under texts

    def __repr__(self) -> str:
        return f"<Type {self.name}>"


@dataclass(frozen=True, slots=True)
class TypeReference:
    """A type with its modifier and collation: what an expression or a column has."""

    type: Type
    modifier: int = -1
    collation: int = 0

    @property
    def oid(self) -> int:
        """The type's OID."""
        return self.type.oid
