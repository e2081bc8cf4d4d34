"""Comparison operators of every type: six functions a family, by one order each.

A family says how its values are ordered. `natural` values are ordered by Python and numpy as SQL
orders them; others have a key that is. NaN is equal to itself and greater than every other number,
for float and numeric alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from server.errors import DatatypeMismatch
from server.functions import scaled
from server.functions.declare import type_oid
from server.functions.elapsed import comparison_keys
from server.functions.function import CallContext, Function
from server.functions.instants import to_utc
from server.functions.near_decimals import compared
from server.functions.orders import (
    blank_key,
    date_key,
    float_key,
    generic_key,
    interval_key,
    numeric_key,
    record_key,
    timetz_key,
)
from server.functions.quotients import means_in_words
from server.types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    TIMESTAMP_INFINITY,
    TIMESTAMP_MINUS_INFINITY,
    US_PER_DAY,
    US_PER_SECOND,
)
from server.types.date_style import session_zone
from server.types.numeric import EXACT
from server.vector.column import Column, Mask, Values
from server.vector.decimal_words import words_at_one_place
from server.vector.native import compare_views, views_among
from server.vector.rows import constant_value, is_constant, joint_validity, plain_values
from server.vector.texts import TextColumn

if TYPE_CHECKING:
    from server.types.zones import Zone

Compare = Callable[[Any, Any], Any]
Key = Callable[[Any], Any]
InstantKey = Callable[[Any, Any], int]

WORDS: Final = ("eq", "ne", "lt", "le", "gt", "ge")
OPERATORS: Final[tuple[tuple[str, Compare], ...]] = (
    ("equal to", operator.eq),
    ("different from", operator.ne),
    ("less than", operator.lt),
    ("less than or equal to", operator.le),
    ("greater than", operator.gt),
    ("greater than or equal to", operator.ge),
)


def _row(compare: Compare, key: Key | None) -> Compare:
    if key is None:
        return compare
    return lambda left, right: compare(key(left), key(right))


def _natural_kernel(compare: Compare) -> Callable[..., Column]:
    """Fixed-width values and strings, whose order is Python's."""

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        found = _compared_views(compare, left, right, blank=False)
        if found is not None:
            return found
        valid = joint_validity((left, right))
        if left.values.dtype == object or right.values.dtype == object:
            return _object_compare(compare, left.values, right.values, valid)
        values: Values = compare(left.values, right.values)
        return Column(values, valid)

    return kernel


def _object_compare(compare: Compare, left: Values, right: Values, valid: Mask | None) -> Column:
    if valid is None:
        return Column(compare(left, right).astype(np.bool_), None)
    result = np.zeros(len(left), np.bool_)
    result[valid] = compare(left[valid], right[valid])
    return Column(result, valid)


def _keyed_kernel(compare: Compare, key: Key) -> Callable[..., Column]:
    row = _row(compare, key)

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        return scaled.by_rows(row, (left, right), np.dtype(np.bool_))

    return kernel


def _interval_kernel(compare: Compare) -> Callable[..., Column]:
    keyed = _keyed_kernel(compare, interval_key)

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        keys = comparison_keys(left, right)
        if keys is None:
            return keyed(context, left, right, count=count)
        return Column(compare(*keys), joint_validity((left, right)))

    return kernel


def _float_kernel(compare: Compare) -> Callable[..., Column]:
    """As numpy compares where no value is NaN, else by rank: 0 for numbers, 1 for NaN."""

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        valid = joint_validity((left, right))
        first, second = left.values, right.values
        values = compare(first, second)
        strange = np.isnan(first), np.isnan(second)
        odd = strange[0] | strange[1]
        if odd.any():
            ranks = strange[0].astype(np.int8), strange[1].astype(np.int8)
            values = np.where(odd, compare(*ranks), values)
        return Column(values, valid)

    return kernel


def _numeric_kernel(compare: Compare) -> Callable[..., Column]:
    row = numeric_compare(compare)

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        found = _with_constant(compare, left, right)
        if found is None:
            found = compared(compare, left, right, row)
        if found is not None:
            return found
        pair = scaled.aligned(scaled.flat(left), scaled.flat(right))
        if pair is None:
            found = _by_words(compare, left, right)
            return found or scaled.by_rows(row, (left, right), np.dtype(np.bool_))
        return Column(compare(pair[0], pair[1]), joint_validity((left, right)))

    return kernel


def _by_words(compare: Compare, left: Column, right: Column) -> Column | None:
    """Decimals of several scales and of two words, compared as pairs of integers; None: they are in another form."""
    made = words_at_one_place((means_in_words(left), means_in_words(right)))
    if made is None:
        return None
    (one, other), _ = made
    are_even = one.high == other.high
    values = compare(one.high, other.high)
    np.copyto(values, compare(one.low, other.low), where=are_even)
    return Column(values, joint_validity((left, right)))


def _with_constant(compare: Compare, left: Column, right: Column) -> Column | None:
    """Scaled decimals compared with a constant of any number of digits; None for anything else."""
    if left.scale is None or is_constant(left) or not is_constant(right):
        return None
    value: Decimal = constant_value(right)
    if not value.is_finite():
        return None
    with localcontext(EXACT):
        shifted = value.scaleb(left.scale)
        floor = int(shifted.to_integral_value(ROUND_FLOOR))
        is_whole = shifted == floor
    if not is_whole:  # it lies between floor and floor + 1
        if compare in (operator.eq, operator.ne):
            return Column(np.full(len(left), compare is operator.ne), left.valid)
        compare = _UP_TO_FLOOR[compare]
    return Column(compare(left.values, floor), left.valid)


_UP_TO_FLOOR: Final[dict[Compare, Compare]] = {
    operator.lt: operator.le,
    operator.le: operator.le,
    operator.gt: operator.gt,
    operator.ge: operator.gt,
}


DAYS_MAX: Final = (TIMESTAMP_INFINITY - 1) // US_PER_DAY
"""The last date that has a timestamp."""


def _instant_kernel(compare: Compare, types: tuple[str, str]) -> Callable[..., Column]:
    """Dates and timestamps, brought to microseconds; to UTC where a zone is involved."""
    zoned = "timestamptz" in types

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        zone = session_zone(context.style) if zoned else None
        first, second = (
            instants_of(column, name, zone)
            for column, name in zip((left, right), types, strict=True)
        )
        return Column(compare(first, second), joint_validity((left, right)))

    return kernel


def instants_of(column: Column, type_name: str, zone: Zone | None) -> Values:
    """The microseconds of dates or timestamps; in UTC if there is a zone."""
    values = column.values
    if type_name == "timestamptz":
        return values
    if is_constant(column):
        once = instants_of(Column(values[:1].copy()), type_name, zone)
        return np.broadcast_to(once, len(values))
    if type_name == "date":
        infinite = (values == DATE_INFINITY) | (values == DATE_MINUS_INFINITY)
        far = values > DAYS_MAX  # later than any timestamp, and yet finite
        micro = np.where(far, TIMESTAMP_INFINITY - 1, values.astype(np.int64) * US_PER_DAY)
        if infinite.any():
            ends = np.where(values > 0, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY)
            micro = np.where(infinite, ends, micro)
        values = micro
    return values if zone is None else _in_utc(values, zone)


def _in_utc(values: Values, zone: Zone) -> Values:
    if zone.fixed is not None:
        finite = (values != TIMESTAMP_INFINITY) & (values != TIMESTAMP_MINUS_INFINITY)
        shift = zone.fixed.seconds_east * US_PER_SECOND
        return np.where(finite, values - shift, values) if shift else values
    unique, numbers = np.unique(values, return_inverse=True)
    moved = [to_utc(us, zone) for us in unique.tolist()]
    return np.array(moved, np.int64)[numbers]


def numeric_compare(compare: Compare) -> Compare:
    """Compare Decimals that may be NaN."""

    def row(left: Decimal, right: Decimal) -> bool:
        if left.is_nan() or right.is_nan():
            return bool(compare(left.is_nan(), right.is_nan()))
        return bool(compare(left, right))

    return row


def float_compare(compare: Compare) -> Compare:
    """Compare floats that may be NaN."""

    def row(left: float, right: float) -> bool:
        if left != left or right != right:
            return bool(compare(left != left, right != right))
        return bool(compare(left, right))

    return row


def _blank_kernel(compare: Compare) -> Callable[..., Column]:
    natural = _natural_kernel(compare)

    def kernel(context: CallContext, left: Column, right: Column, *, count: int) -> Column:
        found = _compared_views(compare, left, right, blank=True)
        if found is not None:
            return found
        return natural(context, stripped(left), stripped(right), count=count)

    def stripped(column: Column) -> Column:
        rows = plain_values(column)
        values = np.empty(len(rows), object)
        values[:] = [row.rstrip(" ") if isinstance(row, str) else "" for row in rows]
        return Column(values, column.valid)

    return kernel


def _compared_views(compare: Compare, left: Column, right: Column, *, blank: bool) -> Column | None:
    """Stored texts compared with a constant where they lie; None for anything else."""
    if isinstance(right, TextColumn) and not isinstance(left, TextColumn):
        return _compared_views(_TURNED[compare], right, left, blank=blank)
    if not isinstance(left, TextColumn) or not is_constant(right):
        return None
    word = constant_value(right).encode()
    word = word.rstrip(b" ") if blank else word
    if compare in (operator.eq, operator.ne):
        found = views_among(left.store, left.views, [word], blank)
        return Column(found if compare is operator.eq else ~found, left.valid)
    return Column(compare(compare_views(left.store, left.views, word, blank), 0), left.valid)


_TURNED: Final[dict[Compare, Compare]] = {
    operator.eq: operator.eq,
    operator.ne: operator.ne,
    operator.lt: operator.gt,
    operator.le: operator.ge,
    operator.gt: operator.lt,
    operator.ge: operator.le,
}


def _record_row(compare: Compare) -> Compare:
    """Records field by field, which must be of the same types."""

    def row(left: Any, right: Any) -> Any:
        check_comparable(left, right)
        return compare(record_key(left), record_key(right))

    return row


def check_comparable(left: Any, right: Any) -> None:
    """Refuse records whose fields are not of the same types."""
    types, others = getattr(left, "types", ()), getattr(right, "types", ())
    if types is others or not types or not others:
        return
    for number, (one, other) in enumerate(zip(types, others, strict=False), 1):
        if one.oid != other.oid:
            raise DatatypeMismatch(
                f"cannot compare dissimilar column types {one.sql_name} and {other.sql_name} "
                f"at record column {number}"
            )
    if len(types) != len(others):
        raise DatatypeMismatch("cannot compare record types with different numbers of columns")


def _context_row(
    compare: Compare, left_key: InstantKey, right_key: InstantKey
) -> Callable[..., Any]:
    return lambda context, left, right: compare(left_key(context, left), right_key(context, right))


def _make(
    names: Sequence[str], oids: Sequence[int], types: tuple[str, str], order: str, sample: str
) -> tuple[Function, ...]:
    """The functions of one family, in the order of OPERATORS."""
    made = []
    for name, oid, (words, compare) in zip(names, oids, OPERATORS, strict=False):
        if name == "-":
            continue
        row, kernel, in_context = _implementations(order, compare, types)
        made.append(
            Function(
                oid=oid,
                name=name,
                arguments=(type_oid(types[0]), type_oid(types[1])),
                result=16,
                row=row,
                kernel=kernel,
                total=order not in ("generic", "record"),
                volatility="s" if in_context else "i",
                needs_context=in_context,
                runs_beside=in_context,
                doc=f"Whether the first {types[0]} is {words} the second {types[1]}.",
                example=(f"{name}({sample})", "t" if compare(1, 2) else "f"),
            )
        )
    return tuple(made)


def _implementations(
    order: str, compare: Compare, types: tuple[str, str]
) -> tuple[Callable[..., Any], Callable[..., Column] | None, bool]:
    if order == "instant":
        left, right = (date_key(name) for name in types)
        kernel = _instant_kernel(compare, types)
        if "timestamptz" in types:
            return _context_row(compare, left, right), kernel, True
        row = _context_row(compare, left, right)
        return (lambda first, second: row(None, first, second)), kernel, False
    if order in _SPECIAL:
        row, kernel = _SPECIAL[order]
        return row(compare), kernel(compare), False
    if order == "record":
        return _record_row(compare), None, False
    key = _KEYS[order]
    return _row(compare, key), _keyed_kernel(compare, key), False


_SPECIAL: Final[dict[str, tuple[Callable[[Compare], Compare], Callable[..., Any]]]] = {
    "natural": (lambda compare: compare, _natural_kernel),
    "float": (float_compare, _float_kernel),
    "numeric": (numeric_compare, _numeric_kernel),
    "blank": (lambda compare: _row(compare, blank_key), _blank_kernel),
    "interval": (lambda compare: _row(compare, interval_key), _interval_kernel),
}
_KEYS: Final[dict[str, Key]] = {
    "timetz": timetz_key,
    "generic": generic_key,
    "float key": float_key,
    "numeric key": numeric_key,
}

# left right | order | sample | OIDs | names, for = <> < <= > >= (or a pattern, where * is eq ne lt
# le gt ge)
FAMILIES: Final = r"""
int4 int8 | natural | 1, 2 | 852 853 854 856 855 857 | int48*
bool bool | natural | false, true | 60 84 56 1691 57 1692 | bool*
char char | natural | 'a', 'b' | 61 70 1246 72 73 74 | char*
name name | natural | 'a', 'b' | 62 659 655 656 657 658 | name*
int2 int2 | natural | 1, 2 | 63 145 64 148 146 151 | int2*
int4 int4 | natural | 1, 2 | 65 144 66 149 147 150 | int4*
text text | natural | 'a', 'b' | 67 157 - - - - | texteq textne - - - -
text text | natural | 'a', 'b' | - - 740 741 742 743 | - - text_lt text_le text_gt text_ge
name text | natural | 'a', 'b' | 240 245 241 242 244 243 | name*text
text name | natural | 'a', 'b' | 247 252 248 249 251 250 | text*name
xid xid | natural | 1, 2 | 68 3308 0 0 0 0 | xideq xidneq - - - -
xid int4 | natural | 1, 2 | 1319 3309 0 0 0 0 | xideqint4 xidneqint4 - - - -
cid cid | natural | 1, 2 | 69 0 0 0 0 0 | cideq - - - - -
tid tid | natural | '(0,1)', '(0,2)' | 1292 1265 2791 2793 2790 2792 | tid*
int8 int8 | natural | 1, 2 | 467 468 469 471 470 472 | int8*
int8 int4 | natural | 1, 2 | 474 475 476 478 477 479 | int84*
int2 int4 | natural | 1, 2 | 158 164 160 166 162 168 | int24*
int4 int2 | natural | 1, 2 | 159 165 161 167 163 169 | int42*
oid oid | natural | 1, 2 | 184 185 716 717 1638 1639 | oid*
float4 float4 | float | 1, 2 | 287 288 289 290 291 292 | float4*
float8 float8 | float | 1, 2 | 293 294 295 296 297 298 | float8*
bpchar bpchar | blank | 'a ', 'b' | 1048 1053 1049 1050 1051 1052 | bpchar*
anyarray anyarray | generic | '{1,2}'::int4[], '{1,3}'::int4[] | 744 390 391 393 392 396 | array_*
date date | natural | - | 1086 1091 1087 1088 1089 1090 | date_*
time time | natural | - | 1145 1106 1102 1103 1104 1105 | time_*
float4 float8 | float | 1, 2 | 299 300 301 302 303 304 | float48*
float8 float4 | float | 1, 2 | 305 306 307 308 309 310 | float84*
timestamptz timestamptz | natural | - | 1152 1153 1154 1155 1157 1156 | timestamptz_*
interval interval | interval | '29 days', '1 month' | 1162 1163 1164 1165 1167 1166 | interval_*
timetz timetz | timetz | - | 1352 1353 1354 1355 1357 1356 | timetz_*
numeric numeric | numeric | 1, 2 | 1718 1719 1722 1723 1720 1721 | numeric_*
int2 int8 | natural | 1, 2 | 1850 1851 1852 1854 1853 1855 | int28*
int8 int2 | natural | 1, 2 | 1856 1857 1858 1860 1859 1861 | int82*
bytea bytea | natural | '\x01', '\x02' | 1948 1953 1949 1950 1951 1952 | bytea*
timestamp timestamp | natural | - | 2052 2053 2054 2055 2057 2056 | timestamp_*
date timestamp | instant | - | 2340 2343 2338 2339 2341 2342 | date_*_timestamp
date timestamptz | instant | - | 2353 2356 2351 2352 2354 2355 | date_*_timestamptz
timestamp date | instant | - | 2366 2369 2364 2365 2367 2368 | timestamp_*_date
timestamptz date | instant | - | 2379 2382 2377 2378 2380 2381 | timestamptz_*_date
timestamp timestamptz | instant | - | 2522 2525 2520 2521 2523 2524 | timestamp_*_timestamptz
timestamptz timestamp | instant | - | 2529 2532 2527 2528 2530 2531 | timestamptz_*_timestamp
uuid uuid | natural | - | 2956 2959 2954 2955 2958 2957 | uuid_*
jsonb jsonb | generic | '1', '2' | 4043 4038 4039 4041 4040 4042 | jsonb_*
record record | record | ROW(1,2), ROW(1,3) | 2981 2982 2983 2985 2984 2986 | record_*
anyrange anyrange | generic | 'empty'::int4range, '[1,2)'::int4range | 3855 3856 3871 3872 3874 3873 | range_*
anymultirange anymultirange | generic | - | 4244 4245 4274 4275 4277 4276 | multirange_*
money money | natural | 1, 2 | 888 889 890 891 892 893 | cash_*
inet inet | generic | '10.0.0.1', '10.0.0.2' | 920 925 921 922 923 924 | network_*
macaddr macaddr | natural | - | 830 835 831 832 833 834 | macaddr_*
macaddr8 macaddr8 | natural | - | 4113 4118 4114 4115 4116 4117 | macaddr8_*
bit bit | natural | '01', '10' | 1581 1582 1595 1594 1593 1592 | bit*
varbit varbit | natural | '01', '10' | 1666 1667 1671 1670 1669 1668 | varbit*
pg_lsn pg_lsn | natural | '0/1', '0/2' | 3233 3236 3231 3232 3235 3234 | pg_lsn_*
tsvector tsvector | generic | 'a', 'a b' | 3618 3619 3616 3617 3621 3620 | tsvector_*
tsquery tsquery | generic | 'a', 'a & b' | 3664 3665 3662 3663 3667 3666 | tsquery_*
xid8 xid8 | natural | 1, 2 | 5084 5085 5034 5036 5035 5037 | xid8*
"""


SAMPLES: Final = {
    "date": ("'2024-01-31'", "'2024-02-01'"),
    "time": ("'10:00'", "'11:30'"),
    "timestamp": ("'2024-01-31 10:00'", "'2024-02-01 09:00'"),
    "timestamptz": ("'2024-01-31 10:00+00'", "'2024-02-01 09:00+00'"),
    "timetz": ("'10:00+00'", "'11:00+00'"),
    "anymultirange": ("'{}'::int4multirange", "'{[1,2)}'::int4multirange"),
    "macaddr": ("'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"),
    "macaddr8": ("'08002b0102030405'", "'08002b0102030406'"),
    "uuid": (
        "'00000000-0000-0000-0000-000000000001'",
        "'00000000-0000-0000-0000-000000000002'",
    ),
}
"""A lesser and a greater value of types whose line has no sample."""


def _families() -> tuple[Function, ...]:
    functions: list[Function] = []
    for line in FAMILIES.strip().splitlines():
        types, order, sample, oids, names = line.split(" | ")
        left, right = types.split()
        if sample == "-":
            sample = f"{SAMPLES[left][0]}, {SAMPLES[right][1]}"
        numbers = [int(oid.replace("-", "0")) for oid in oids.split()]
        listed = [names.replace("*", word) for word in WORDS] if "*" in names else names.split()
        functions += _make(listed, numbers, (left, right), order, sample)
    return tuple(functions)


FUNCTIONS: Final = _families()
