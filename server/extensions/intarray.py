"""intarray: arrays of int4 as sets, and queries over their numbers (query_int).

Rule 1: sets are sorted and have each number once; what makes sets of arrays takes arrays as they come.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    FeatureNotSupported,
    InvalidParameterValue,
    NullValueNotAllowed,
    SqlSyntaxError,
    UndefinedFunction,
)
from server.extensions.extension import BaseType, Extension
from server.oids import INT4
from server.types.array import Array, make_array
from server.types.text import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Numbers = frozenset[int]


# Queries


@dataclass(frozen=True, slots=True)
class Query:
    """A query: a number, `!` of one part, or `&` and `|` of two."""

    operator: str
    number: int = 0
    parts: tuple[Query, ...] = ()

    def holds(self, numbers: Numbers) -> bool:
        """Whether a set of numbers is so."""
        if self.operator == "":
            return self.number in numbers
        if self.operator == "!":
            return not self.parts[0].holds(numbers)
        found = (part.holds(numbers) for part in self.parts)
        return all(found) if self.operator == "&" else any(found)

    def text(self) -> str:
        """As PostgreSQL writes it."""
        if self.operator == "":
            return str(self.number)
        if self.operator == "!":
            inner = self.parts[0].text()
            return f"!( {inner} )" if self.parts[0].operator else f"!{inner}"
        return f" {self.operator} ".join(map(_inner, self.parts))


def _inner(part: Query) -> str:
    text = part.text()
    return f"( {text} )" if part.operator == "|" else text


_TOKEN: Final = re.compile(r"\s*(?:([&|!()])|(-?\d+)|(\S)|$)")


class _Reader:
    """Reads a query: `|` binds less than `&`, that less than `!`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.skip()

    def skip(self) -> None:
        """Go to the next token."""
        found = _TOKEN.match(self.text, self.at)
        assert found is not None
        if found[3]:
            raise SqlSyntaxError("syntax error")
        self.sign, self.number, self.at = found[1], found[2], found.end()

    def whole(self) -> Query:
        """All of it."""
        query = self.either()
        if self.sign or self.number:
            raise SqlSyntaxError("syntax error")
        return query

    def either(self) -> Query:
        """Parts between `|`."""
        query = self.both()
        while self.sign == "|":
            self.skip()
            query = Query("|", 0, (query, self.both()))
        return query

    def both(self) -> Query:
        """Parts between `&`."""
        query = self.one()
        while self.sign == "&":
            self.skip()
            query = Query("&", 0, (query, self.one()))
        return query

    def one(self) -> Query:
        """A number, the contrary of a part, or what is between parentheses."""
        if self.sign == "!":
            self.skip()
            return Query("!", 0, (self.one(),))
        if self.sign == "(":
            self.skip()
            query = self.either()
            if self.sign != ")":
                raise SqlSyntaxError("syntax error")
            self.skip()
            return query
        if not self.number or not -(1 << 31) <= int(self.number) < 1 << 31:
            raise SqlSyntaxError("syntax error")
        query = Query("", int(self.number))
        self.skip()
        return query


@lru_cache(maxsize=1024)
def parse_query(text: str) -> Query:
    """Read a query."""
    return _Reader(text).whole()


def _no_tree(_query: Query) -> str:
    raise FeatureNotSupported("querytree is no longer implemented")


def _no_binary(*_arguments: Any) -> Any:
    raise UndefinedFunction("no binary output function available for type query_int")


# Arrays


def _checked(values: Array) -> tuple[int, ...]:
    if None in values.items:
        raise NullValueNotAllowed("array must not contain nulls")
    return values.items


def _set(values: Array) -> Numbers:
    return frozenset(_checked(values))


def _array(numbers: Iterable[int]) -> Array:
    return make_array(INT4, tuple(numbers))


def _of_set(numbers: Iterable[int]) -> Array:
    return _array(sorted(numbers))


def _sort(values: Array, way: str = "asc") -> Array:
    if way.lower() not in ("asc", "desc"):
        raise InvalidParameterValue('second parameter must be "ASC" or "DESC"')
    found = sorted(_checked(values), reverse=way.lower() == "desc")
    return Array(INT4, values.dimensions, tuple(found))


def _unique(values: Array) -> Array:
    items = _checked(values)
    return _array(item for at, item in enumerate(items) if not at or items[at - 1] != item)


def _place(values: Array, number: int) -> int:
    items = _checked(values)
    return items.index(number) + 1 if number in items else 0


def _part(values: Array, start: int, length: int | None = None) -> Array:
    items = _checked(values)
    count = len(items)
    first = start - 1 if start > 0 else start
    if first < 0:
        first += count
    stop = count
    if length:
        stop = count + length if length < 0 else first + length
    return _array(items[max(first, 0) : max(min(stop, count), 0)])


def _push(values: Array, more: Iterable[int]) -> Array:
    return _array((*_checked(values), *more))


def _compared(test: Callable[[Numbers, Numbers], bool]) -> Callable[[Array, Array], bool]:
    return lambda left, right: test(_set(left), _set(right))


def _same(left: Array, right: Array) -> bool:
    return sorted(_checked(left)) == sorted(_checked(right))


_SIGNS: Final = (
    ("&&", "int4[]", "int4[]", "_int_overlap", "&&"),
    ("@>", "int4[]", "int4[]", "_int_contains", "<@"),
    ("<@", "int4[]", "int4[]", "_int_contained", "@>"),
    ("@@", "int4[]", "query_int", "boolop", "~~"),
    ("~~", "query_int", "int4[]", "rboolop", "@@"),
    ("#", "int4[]", "int4", "idx", ""),
    ("+", "int4[]", "int4", "intarray_push_elem", ""),
    ("+", "int4[]", "int4[]", "intarray_push_array", "+"),
    ("-", "int4[]", "int4", "intarray_del_elem", ""),
    ("|", "int4[]", "int4", "intset_union_elem", ""),
    ("|", "int4[]", "int4[]", "_int_union", "|"),
    ("-", "int4[]", "int4[]", "intset_subtract", ""),
    ("&", "int4[]", "int4[]", "_int_inter", "&"),
)
_CLASSES: Final = """
create operator # (rightarg = int4[], procedure = icount);
create operator class gist__int_ops default for type int4[] using gist as
  operator 3 &&, operator 6 =(anyarray, anyarray), operator 7 @>, operator 20 @@(int4[], query_int);
create operator class gist__intbig_ops for type int4[] using gist as
  operator 3 &&, operator 6 =(anyarray, anyarray), operator 7 @>, operator 20 @@(int4[], query_int);
create operator class gin__int_ops for type int4[] using gin as
  operator 3 &&, operator 6 =(anyarray, anyarray), operator 7 @>, operator 8 <@,
  operator 20 @@(int4[], query_int);
"""


def _operators() -> Iterator[str]:
    for sign, left, right, function, commutator in _SIGNS:
        more = f", commutator = {commutator}" if commutator else ""
        yield (
            f"create operator {sign} (leftarg = {left}, rightarg = {right}, "
            f"procedure = {function}{more});"
        )
    yield _CLASSES


_FIELDS: Final[dict[str, Any]] = {
    "dtype": OBJECTS,
    "storage_kind": "BYTES",
    "storage_strategy": "p",
    "parse": lambda text, _modifier, _style: parse_query(text),
    "format": lambda value, _style: value.text(),
    "send": _no_binary,
    "receive": _no_binary,
    "store_value": lambda value, _modifier: value.text().encode(),
    "load_value": lambda stored, _modifier: parse_query(stored.decode()),
}
INTARRAY: Final = Extension(
    name="intarray",
    version="1.5",
    comment="functions, operators, and index support for 1-D arrays of integers",
    declarations="""
querytree(query_int) text = no_tree
boolop(int4[], query_int) bool = holds
rboolop(query_int, int4[]) bool = held
_int_contains(int4[], int4[]) bool = contains
_int_contained(int4[], int4[]) bool = contained
_int_overlap(int4[], int4[]) bool = overlap
_int_same(int4[], int4[]) bool = same
_int_different(int4[], int4[]) bool = different
_int_union(int4[], int4[]) int4[] = union
_int_inter(int4[], int4[]) int4[] = inter
intset(int4) int4[] = intset
icount(int4[]) int4 = count
sort(int4[], text) int4[] = sort
sort(int4[]) int4[] = sort
sort_asc(int4[]) int4[] = sort
sort_desc(int4[]) int4[] = sort_desc
uniq(int4[]) int4[] = unique
idx(int4[], int4) int4 = place
subarray(int4[], int4, int4) int4[] = part
subarray(int4[], int4) int4[] = part
intarray_push_elem(int4[], int4) int4[] = push
intarray_push_array(int4[], int4[]) int4[] = push_array
intarray_del_elem(int4[], int4) int4[] = remove
intset_union_elem(int4[], int4) int4[] = add
intset_subtract(int4[], int4[]) int4[] = subtract
""",
    functions={
        "no_tree": _no_tree,
        "holds": lambda values, query: query.holds(_set(values)),
        "held": lambda query, values: query.holds(_set(values)),
        "contains": _compared(lambda left, right: left >= right),
        "contained": _compared(lambda left, right: left <= right),
        "overlap": _compared(lambda left, right: not left.isdisjoint(right)),
        "same": _same,
        "different": lambda left, right: not _same(left, right),
        "union": lambda left, right: _of_set(_set(left) | _set(right)),
        "inter": lambda left, right: _of_set(_set(left) & _set(right)),
        "intset": lambda number: _array((number,)),
        "count": lambda values: len(values.items),
        "sort": _sort,
        "sort_desc": lambda values: _sort(values, "desc"),
        "unique": _unique,
        "place": _place,
        "part": _part,
        "push": lambda values, number: _push(values, (number,)),
        "push_array": lambda left, right: _push(left, _checked(right)),
        "remove": lambda values, number: _array(i for i in _checked(values) if i != number),
        "add": lambda values, number: _of_set(_set(values) | {number}),
        "subtract": lambda left, right: _of_set(_set(left) - _set(right)),
    },
    types=(BaseType(name="query_int", fields=_FIELDS, functions=("bqarr_in", "bqarr_out")),),
    more="\n".join(_operators()),
)
