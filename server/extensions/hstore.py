"""hstore: pairs of texts, written "a"=>"1", "b"=>NULL.

Rule 1: keys are in the order of their length in bytes, then of their bytes, each once: of equal keys
        the first one stays.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from server.errors import ArraySubscriptError, NullValueNotAllowed, SqlError, SqlSyntaxError
from server.extensions.extension import BaseType, Extension
from server.extensions.hstore_values import (
    hash_hstore,
    hash_hstore_extended,
    populate,
    to_json_loose,
    to_jsonb_loose,
)
from server.oids import TEXT
from server.types.array import Array, make_array
from server.types.errors import decode_text, incorrect_format, insufficient_data
from server.types.jsonb import Jsonb, make_object, quote
from server.types.lexeme_reader import is_blank
from server.types.order import ordered_list
from server.types.text import OBJECTS
from server.types.type import PLAIN_STYLE, Subscripting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from server.types.record import Record

LENGTH: Final = struct.Struct("!i")
Pair = tuple[str, "str | None"]


@dataclass(frozen=True, slots=True)
class Hstore:
    """A value of type hstore."""

    pairs: tuple[Pair, ...] = ()

    def items(self) -> dict[str, str | None]:
        """The pairs as a mapping."""
        return dict(self.pairs)


def _key_order(pair: Pair) -> tuple[int, bytes]:
    encoded = pair[0].encode()
    return len(encoded), encoded


def make_hstore(pairs: Iterable[Pair]) -> Hstore:
    """Make a value of pairs in any order."""
    found: dict[str, str | None] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return Hstore(tuple(sorted(found.items(), key=_key_order)))


class _Reader:
    """Reads the text form."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def pairs(self) -> Iterator[Pair]:
        """All pairs of the text."""
        self._skip()
        while self.at < len(self.text):
            key, _ = self._word("=")
            self._skip()
            if self.text[self.at : self.at + 2] != "=>":
                raise self._error()
            self.at += 2
            self._skip()
            value, is_quoted = self._word(",")
            yield key, None if not is_quoted and value.lower() == "null" else value
            self._skip()
            if self.at < len(self.text):
                if self.text[self.at] != ",":
                    raise self._error()
                self.at += 1
                self._skip()

    def _skip(self) -> None:
        while self.at < len(self.text) and is_blank(self.text[self.at]):
            self.at += 1

    def _error(self) -> SqlError:
        if self.at >= len(self.text):
            return SqlSyntaxError("syntax error in hstore: unexpected end of string")
        return SqlSyntaxError(
            f'syntax error in hstore, near "{self.text[self.at]}" at position {self.at}'
        )

    def _word(self, end: str) -> tuple[str, bool]:
        """A word, and whether it is between quotes; one that is not ends at a character or blank."""
        is_quoted = self.text[self.at : self.at + 1] == '"'
        self.at += is_quoted
        parts: list[str] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if is_quoted and character == '"':
                self.at += 1
                return "".join(parts), True
            if not is_quoted and (character == end or is_blank(character)):
                break
            if character == "\\":
                self.at += 1
            parts.append(self.text[self.at : self.at + 1])
            self.at += 1
        if is_quoted or not parts:
            raise self._error()
        return "".join(parts), False


def parse_hstore(text: str, _modifier: int, _style: Any) -> Hstore:
    """Read pairs."""
    return make_hstore(_Reader(text).pairs())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def format_hstore(value: Hstore, _style: Any) -> str:
    """Write pairs."""
    return ", ".join(
        f"{_quoted(key)}=>{'NULL' if item is None else _quoted(item)}" for key, item in value.pairs
    )


def send_hstore(value: Hstore) -> bytes:
    """Write the binary form."""
    parts = [LENGTH.pack(len(value.pairs))]
    for key, item in value.pairs:
        for text in (key, item):
            encoded = b"" if text is None else text.encode()
            parts.append(LENGTH.pack(-1 if text is None else len(encoded)) + encoded)
    return b"".join(parts)


def receive_hstore(data: bytes, _modifier: int) -> Hstore:
    """Read the binary form, from a client that may say anything."""
    at = 0

    def number() -> int:
        nonlocal at
        if len(data) < at + LENGTH.size:
            raise insufficient_data()
        (found,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        return int(found)

    def text() -> str | None:
        nonlocal at
        length = number()
        if length < 0:
            return None
        if len(data) < at + length:
            raise insufficient_data()
        at += length
        return decode_text(data[at - length : at])

    pairs: list[Pair] = []
    for _ in range(number()):
        key = text()
        if key is None:
            raise NullValueNotAllowed("null value not allowed for hstore key")
        pairs.append((key, text()))
    if at != len(data):
        raise incorrect_format()
    return make_hstore(pairs)


# Functions


def _slice(value: Hstore, keys: Array) -> Array:
    items = value.items()
    return make_array(TEXT, tuple(None if key is None else items.get(key) for key in keys.items))


def _slice_hstore(value: Hstore, keys: Array) -> Hstore:
    wanted = frozenset(keys.items)
    return Hstore(tuple(pair for pair in value.pairs if pair[0] in wanted))


def _has_any(value: Hstore, keys: Array) -> bool:
    items = value.items()
    return any(key in items for key in keys.items if key is not None)


def _has_all(value: Hstore, keys: Array) -> bool:
    items = value.items()
    return all(key in items for key in keys.items if key is not None)


def _without(value: Hstore, is_gone: Callable[[Pair], bool]) -> Hstore:
    return Hstore(tuple(pair for pair in value.pairs if not is_gone(pair)))


def _contains(outer: Hstore, inner: Hstore) -> bool:
    items = outer.items()
    return all(key in items and items[key] == item for key, item in inner.pairs)


def _of_texts(key: str | None, value: str | None) -> Hstore | None:
    return None if key is None else Hstore(((key, value),))


def _of_arrays(keys: Array | None, values: Array | None) -> Hstore | None:
    if keys is None:
        return None
    if len(keys.dimensions) > 1 or (values is not None and len(values.dimensions) > 1):
        raise ArraySubscriptError("wrong number of array subscripts")
    items = (None,) * len(keys.items) if values is None else values.items
    if len(items) != len(keys.items):
        raise ArraySubscriptError("arrays must have same bounds")
    return make_hstore(zip(map(_key, keys.items), items, strict=True))


def _of_array(value: Array) -> Hstore:
    shape = value.shape
    if not shape:
        return Hstore()
    if len(shape) == 1 and shape[0] % 2:
        raise ArraySubscriptError("array must have even number of elements")
    if len(shape) == 2 and shape[1] != 2:
        raise ArraySubscriptError("array must have two columns")
    if len(shape) > 2:
        raise ArraySubscriptError("wrong number of array subscripts")
    return make_hstore(zip(map(_key, value.items[::2]), value.items[1::2], strict=True))


def _key(key: str | None) -> str:
    if key is None:
        raise NullValueNotAllowed("null value not allowed for hstore key")
    return key


def _of_record(record: Record | None) -> Hstore | None:
    if record is None:
        return None
    return make_hstore(
        (name, None if value is None else type_.format(value, PLAIN_STYLE))
        for name, value, type_ in zip(record.names, record, record.types, strict=True)
    )


def _flat(value: Hstore) -> tuple[str | None, ...]:
    return tuple(part for pair in value.pairs for part in pair)


def _matrix(value: Hstore) -> Array:
    if not value.pairs:
        return make_array(TEXT, ())
    return Array(TEXT, ((len(value.pairs), 1), (2, 1)), _flat(value))


def _json(value: Hstore) -> str:
    fields = (
        f"{quote(key)}: {'null' if item is None else quote(item)}" for key, item in value.pairs
    )
    return "{" + ", ".join(fields) + "}"


def sort_key(value: Hstore) -> tuple[Any, ...]:
    """Order by size, then pair by pair; PostgreSQL's order means as little."""
    flat: list[Any] = [len(value.pairs)]
    for key, item in value.pairs:
        flat += [key, item is None, item or ""]
    return tuple(flat)


def _key_value(value: Hstore) -> bytes:
    parts = (part.encode() if isinstance(part, str) else part for part in sort_key(value))
    return ordered_list(parts)


def _compared(test: Callable[[Any, Any], bool]) -> Callable[[Hstore, Hstore], bool]:
    return lambda left, right: test(sort_key(left), sort_key(right))


def _order(left: Hstore, right: Hstore) -> int:
    first, second = sort_key(left), sort_key(right)
    return (first > second) - (first < second)


OPERATORS: Final = """
-> | hstore, text | fetchval
-> | hstore, text[] | slice_array
? | hstore, text | exist
?| | hstore, text[] | exists_any
?& | hstore, text[] | exists_all
- | hstore, text | delete
- | hstore, text[] | delete
- | hstore, hstore | delete
|| | hstore, hstore | hs_concat
@> | hstore, hstore | hs_contains
<@ | hstore, hstore | hs_contained
= | hstore, hstore | hstore_eq
<> | hstore, hstore | hstore_ne
#<# | hstore, hstore | hstore_lt
#<=# | hstore, hstore | hstore_le
#># | hstore, hstore | hstore_gt
#>=# | hstore, hstore | hstore_ge
"""
CLASSES: Final = """
create operator class btree_hstore_ops default for type hstore using btree as
  operator 1 #<#, operator 2 #<=#, operator 3 =, operator 4 #>=#, operator 5 #>#,
  function 1 hstore_cmp(hstore, hstore);
create operator class hash_hstore_ops default for type hstore using hash as
  operator 1 =, function 1 hstore_hash(hstore),
  function 2 hstore_hash_extended(hstore, int8);
create operator class gist_hstore_ops default for type hstore using gist as
  operator 7 @>, operator 9 ?(hstore, text), operator 10 ?|(hstore, text[]),
  operator 11 ?&(hstore, text[]);
create operator class gin_hstore_ops default for type hstore using gin as
  operator 7 @>, operator 9 ?(hstore, text), operator 10 ?|(hstore, text[]),
  operator 11 ?&(hstore, text[]);
"""
PARTNERS: Final = {
    "@>": ", commutator = <@",
    "<@": ", commutator = @>",
    "=": ", commutator = =, negator = <>, hashes, merges",
    "<>": ", commutator = <>, negator = =",
}


def _operators() -> Iterator[str]:
    for line in OPERATORS.strip().splitlines():
        name, types, function = line.split(" | ")
        left, right = types.split(", ")
        yield (
            f"create operator {name} (leftarg = {left}, rightarg = {right}, "
            f"procedure = {function}{PARTNERS.get(name, '')});"
        )
    yield "create operator #= (leftarg = anyelement, rightarg = hstore, procedure = populate_record);"
    yield "create operator %% (rightarg = hstore, procedure = hstore_to_array);"
    yield "create operator %# (rightarg = hstore, procedure = hstore_to_matrix);"
    yield CLASSES
    yield "create cast (text[] as hstore) with function hstore(text[]);"
    yield "create cast (hstore as json) with function hstore_to_json(hstore);"
    yield "create cast (hstore as jsonb) with function hstore_to_jsonb(hstore);"


def _fetch(value: Hstore, key: str) -> str | None:
    return value.items().get(key)


def _store(value: Hstore | None, subscripts: list[Any], part: str | None) -> Hstore:
    """The value with another part under its only subscript; of NULL one that has nothing else."""
    (key,) = subscripts
    if key is None:
        raise NullValueNotAllowed("hstore subscript in assignment must not be null")
    return make_hstore(((key, part), *(() if value is None else value.pairs)))


HSTORE: Final = Extension(
    name="hstore",
    version="1.8",
    comment="data type for storing sets of (key, value) pairs",
    declarations="""
fetchval(hstore, text) text = fetch
slice_array(hstore, text[]) text[] = slice
slice(hstore, text[]) hstore = slice_hstore
isexists(hstore, text) bool = has
exist(hstore, text) bool = has
exists_any(hstore, text[]) bool = has_any
exists_all(hstore, text[]) bool = has_all
isdefined(hstore, text) bool = defined
defined(hstore, text) bool = defined
delete(hstore, text) hstore = delete
delete(hstore, text[]) hstore = delete_array
delete(hstore, hstore) hstore = delete_hstore
hs_concat(hstore, hstore) hstore = concat
hs_contains(hstore, hstore) bool = contains
hs_contained(hstore, hstore) bool = contained
tconvert(text, text) hstore | immutable = of_texts
hstore(text, text) hstore | immutable = of_texts
hstore(text[], text[]) hstore | immutable = of_arrays
hstore(text[]) hstore = of_array
hstore(record) hstore | immutable = of_record
hstore_to_json(hstore) json = json
hstore_to_jsonb(hstore) jsonb = jsonb
hstore_to_array(hstore) text[] = flat
hstore_to_matrix(hstore) text[] = matrix
akeys(hstore) text[] = keys
avals(hstore) text[] = values
skeys(hstore) setof text = each_key
svals(hstore) setof text = each_value
each(hs hstore, out key text, out value text) setof record = each
hstore_eq(hstore, hstore) bool = eq
hstore_ne(hstore, hstore) bool = ne
hstore_lt(hstore, hstore) bool = lt
hstore_le(hstore, hstore) bool = le
hstore_gt(hstore, hstore) bool = gt
hstore_ge(hstore, hstore) bool = ge
hstore_cmp(hstore, hstore) int4 = cmp
hstore_hash(hstore) int4 = hash
hstore_hash_extended(hstore, int8) int8 = hash_extended
hstore_version_diag(hstore) int4 = version
hstore_to_json_loose(hstore) json = json_loose
hstore_to_jsonb_loose(hstore) jsonb = jsonb_loose
populate_record(anyelement, hstore) anyelement | immutable = populate
""",
    functions={
        "fetch": _fetch,
        "slice": _slice,
        "slice_hstore": _slice_hstore,
        "has": lambda value, key: key in value.items(),
        "has_any": _has_any,
        "has_all": _has_all,
        "defined": lambda value, key: value.items().get(key) is not None,
        "delete": lambda value, key: _without(value, lambda pair: pair[0] == key),
        "delete_array": lambda value, keys: _without(value, lambda pair: pair[0] in keys.items),
        "delete_hstore": lambda value, gone: _without(value, lambda pair: pair in gone.pairs),
        "concat": lambda left, right: make_hstore((*right.pairs, *left.pairs)),
        "contains": _contains,
        "contained": lambda inner, outer: _contains(outer, inner),
        "of_texts": _of_texts,
        "of_arrays": _of_arrays,
        "of_array": _of_array,
        "of_record": _of_record,
        "json": _json,
        "jsonb": lambda value: Jsonb(make_object(list(value.pairs))),
        "flat": lambda value: make_array(TEXT, _flat(value)),
        "matrix": _matrix,
        "keys": lambda value: make_array(TEXT, tuple(key for key, _ in value.pairs)),
        "values": lambda value: make_array(TEXT, tuple(item for _, item in value.pairs)),
        "each_key": lambda value: (key for key, _ in value.pairs),
        "each_value": lambda value: (item for _, item in value.pairs),
        "each": lambda value: iter(value.pairs),
        "eq": lambda left, right: left == right,
        "ne": lambda left, right: left != right,
        "lt": _compared(lambda left, right: left < right),
        "le": _compared(lambda left, right: left <= right),
        "gt": _compared(lambda left, right: left > right),
        "ge": _compared(lambda left, right: left >= right),
        "cmp": _order,
        "hash": hash_hstore,
        "hash_extended": hash_hstore_extended,
        "version": lambda _value: 2,
        "json_loose": to_json_loose,
        "jsonb_loose": to_jsonb_loose,
        "populate": populate,
    },
    in_context=frozenset(("populate",)),
    types=(
        BaseType(
            name="hstore",
            subscript="hstore_subscript_handler",
            fields={
                "storage_strategy": "x",
                "dtype": OBJECTS,
                "storage_kind": "BYTES",
                "parse": parse_hstore,
                "format": format_hstore,
                "receive": receive_hstore,
                "send": send_hstore,
                "store_value": lambda value, _modifier: send_hstore(value),
                "load_value": receive_hstore,
                "sort_key": sort_key,
                "key_value": _key_value,
                "subscripting": Subscripting(_fetch, _store),
            },
        ),
    ),
    more="\n".join(_operators()),
)
