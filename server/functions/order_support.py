"""The functions behind ordered indexes and min and max: btint4cmp, int4larger and their kin.

Rule 1: a comparison gives what PostgreSQL's gives, which for narrow numbers is the difference and for
        strings that of the first bytes that differ.
Rule 2: of equal values the larger and the smaller are those that PostgreSQL returns.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from server.functions.cataloged import cataloged
from server.functions.comparison import check_comparable
from server.functions.hashing import LONG
from server.functions.orders import (
    blank_key,
    date_key,
    float_key,
    generic_key,
    interval_key,
    numeric_key,
    timetz_key,
)
from server.types.tsquery import sort_key as query_key
from server.types.tsvector import sort_key as vector_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.functions.function import CallContext, Function
    from server.types.network import Inet

Key = Callable[[Any], Any]


def _itself(value: Any) -> Any:
    return value


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _difference(left: Any, right: Any) -> int:
    return int(left) - int(right)


def _byte_difference(left: bytes, right: bytes) -> int:
    """What memcmp gives, then the lengths."""
    for first, second in zip(left, right, strict=False):
        if first != second:
            return first - second
    return _sign(len(left), len(right))


def compare_bytes(left: str, right: str) -> int:
    """How the bytes of texts differ, then their lengths."""
    return _byte_difference(left.encode(), right.encode())


def _ended(left: str, right: str) -> int:
    """What strcmp gives, for which a text ends with a zero."""
    return _byte_difference(left.encode() + b"\0", right.encode() + b"\0")


def _first_difference(left: Any, right: Any, texts: Callable[[str, str], int]) -> int:
    """How the first parts of two sort keys differ that are not the same."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        differences = (_first_difference(*pair, texts) for pair in zip(left, right, strict=False))
        return next(filter(None, differences), 0) or _sign(len(left), len(right))
    if isinstance(left, str) and isinstance(right, str):
        return texts(left, right)
    return _sign(left, right)


def _by_parts(key: Key, texts: Callable[[str, str], int]) -> Callable[[Any, Any], int]:
    return lambda left, right: _first_difference(key(left), key(right), texts)


def _characters(left: str, right: str) -> int:
    return (ord(left) if left else 0) - (ord(right) if right else 0)


def _blanked(left: str, right: str) -> int:
    return compare_bytes(left.rstrip(" "), right.rstrip(" "))


def _blanked_ended(left: str, right: str) -> int:
    return _ended(left.rstrip(" "), right.rstrip(" "))


def _by(key: Key) -> Callable[[Any, Any], int]:
    return lambda left, right: _sign(key(left), key(right))


def _packed(bits: str) -> bytes:
    return bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))


def _bits(left: str, right: str) -> int:
    """The difference of the first bytes that differ, then that of the lengths."""
    first, second = _packed(left), _packed(right)
    for one, other in zip(first, second, strict=False):
        if one != other:
            return one - other
    return _sign(len(left), len(right))


def _some_bits(left: bytes, right: bytes, count: int) -> int:
    """How the first bits of addresses differ: by bytes, then by the first bit of the rest."""
    whole, rest = divmod(count, 8)
    for one, other in zip(left[:whole], right[:whole], strict=True):
        if one != other:
            return one - other
    if not rest:
        return 0
    return _sign(left[whole] >> 8 - rest, right[whole] >> 8 - rest)


def _networks(left: Inet, right: Inet) -> int:
    """By family, the bits that both networks have, their lengths, and all bits."""
    if len(left.address) != len(right.address):
        return _sign(len(left.address), len(right.address))
    common = _some_bits(left.address, right.address, min(left.bits, right.bits))
    if common or left.bits != right.bits:
        return common or left.bits - right.bits
    return _some_bits(left.address, right.address, len(left.address) * 8)


def _instants(left_type: str, right_type: str) -> Callable[[CallContext, Any, Any], int]:
    left_key, right_key = date_key(left_type), date_key(right_type)
    return lambda context, left, right: _sign(left_key(context, left), right_key(context, right))


def _oids(vector: Any) -> tuple[int, list[int]]:
    return len(vector.items), list(vector.items)


def _image(record: Any) -> list[tuple[bool, Any]]:
    """The fields as they are stored: numbers by value, others by length and bytes."""
    types = getattr(record, "types", ())
    return [
        (True, 0) if field is None else (False, _image_part(types, at, field))
        for at, field in enumerate(record)
    ]


def _image_part(types: Any, at: int, field: Any) -> Any:
    if isinstance(field, bool | int):
        return field & LONG  # as words without a sign
    sent = types[at].send(field) if types else repr(field).encode()
    return sent if types and types[at].length > 0 else (sent[: len(sent)], len(sent))


_plain = _by(_itself)
COMPARISONS: Final[dict[str, tuple[str, Callable[[Any, Any], int]]]] = {
    "btboolcmp": ("false, true -> -1", _difference),
    "btint2cmp": ("5, 2 -> 3", _difference),
    "btcharcmp": ("'c', 'a' -> 2", _characters),
    "btint4cmp": ("5, 2 -> 1", _plain),
    "btint8cmp": ("5, 2 -> 1", _plain),
    "btint24cmp": ("5, 2 -> 1", _plain),
    "btint28cmp": ("5, 2 -> 1", _plain),
    "btint42cmp": ("5, 2 -> 1", _plain),
    "btint48cmp": ("5, 2 -> 1", _plain),
    "btint82cmp": ("5, 2 -> 1", _plain),
    "btint84cmp": ("5, 2 -> 1", _plain),
    "btoidcmp": ("5, 2 -> 1", _plain),
    "bttidcmp": ("'(0,1)', '(0,2)' -> -1", _plain),
    "btfloat4cmp": ("'NaN', 2 -> 1", _by(float_key)),
    "btfloat8cmp": ("'NaN', 2 -> 1", _by(float_key)),
    "btfloat48cmp": ("1, 2 -> -1", _by(float_key)),
    "btfloat84cmp": ("1, 2 -> -1", _by(float_key)),
    "btnamecmp": ("'a', 'ab' -> -98", _ended),
    "bttextcmp": ("'a', 'ab' -> -98", _ended),
    "btnametextcmp": ("'a', 'b' -> -1", compare_bytes),
    "bttextnamecmp": ("'a', 'b' -> -1", compare_bytes),
    "bttext_pattern_cmp": ("'a', 'b' -> -1", compare_bytes),
    "bpcharcmp": ("'a ', 'a' -> 0", _blanked_ended),
    "btbpchar_pattern_cmp": ("'a', 'a' -> 0", _blanked),
    "byteacmp": ("'\\x01', '\\x02' -> -1", _byte_difference),
    "bitcmp": ("'01', '10' -> -64", _bits),
    "varbitcmp": ("'01', '10' -> -64", _bits),
    "btarraycmp": ("'{1,2}'::int4[], '{1}'::int4[] -> 1", _by(generic_key)),
    "btrecordcmp": ("ROW(1,2), ROW(1,3) -> -1", _by(generic_key)),
    "cash_cmp": ("1, 2 -> -1", _plain),
    "date_cmp": ("'2024-01-31', '2024-02-01' -> -1", _plain),
    "time_cmp": ("'10:00', '11:00' -> -1", _plain),
    "timetz_cmp": ("'10:00+00', '11:00+00' -> -1", _by(timetz_key)),
    "timestamp_cmp": ("'2024-01-31', '2024-02-01' -> -1", _plain),
    "timestamptz_cmp": ("'2024-01-31', '2024-02-01' -> -1", _plain),
    "interval_cmp": ("'1 day', '1 month' -> -1", _by(interval_key)),
    "tsvector_cmp": ("'a', 'b' -> -1", _by_parts(vector_key, compare_bytes)),
    "tsquery_cmp": ("'a', 'b' -> -1", _by(query_key)),
    "numeric_cmp": ("1, 2 -> -1", _by(numeric_key)),
    "jsonb_cmp": ("'1', '2' -> -1", _by_parts(generic_key, _ended)),
    "network_cmp": ("'10.0.0.1', '10.0.0.4' -> -3", _networks),
    "range_cmp": ("'[1,2)'::int4range, '[1,3)'::int4range -> -1", _by(generic_key)),
    "multirange_cmp": ("'{}'::int4multirange, '{[1,3)}'::int4multirange -> -1", _by(generic_key)),
    "uuid_cmp": (
        "'00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002' -> -1",
        _byte_difference,
    ),
    "btoidvectorcmp": ("'1 2', '1 3' -> -1", lambda a, b: _sign(_oids(a), _oids(b))),
    "btrecordimagecmp": ("ROW(1,2), ROW(1,3) -> -1", lambda a, b: _sign(_image(a), _image(b))),
}
INSTANTS: Final = {
    "date_cmp_timestamp": ("date", "timestamp"),
    "timestamp_cmp_date": ("timestamp", "date"),
    "date_cmp_timestamptz": ("date", "timestamptz"),
    "timestamp_cmp_timestamptz": ("timestamp", "timestamptz"),
    "timestamptz_cmp_date": ("timestamptz", "date"),
    "timestamptz_cmp_timestamp": ("timestamptz", "timestamp"),
}
# the family of larger and smaller: its key, and an example
EXTREMES: Final[dict[str, tuple[Key, str]]] = {
    "int2": (_itself, "1, 2"),
    "int4": (_itself, "1, 2"),
    "int8": (_itself, "1, 2"),
    "oid": (_itself, "1, 2"),
    "float4": (float_key, "1, 2"),
    "float8": (float_key, "1, 2"),
    "tid": (_itself, "'(0,1)', '(0,2)'"),
    "text_": (_itself, "'a', 'b'"),
    "bpchar_": (blank_key, "'a', 'b'"),
    "array_": (generic_key, "'{1}'::int4[], '{2}'::int4[]"),
    "date_": (_itself, "'2024-01-31', '2024-02-01'"),
    "time_": (_itself, "'10:00:00', '11:00:00'"),
    "timetz_": (timetz_key, "'10:00:00+00', '11:00:00+00'"),
    "timestamp_": (_itself, "'2024-01-31 00:00:00', '2024-02-01 00:00:00'"),
    "timestamptz_": (_itself, "'2024-01-31 00:00:00+00', '2024-02-01 00:00:00+00'"),
    "interval_": (interval_key, "'1 day', '1 mon'"),
    "numeric_": (numeric_key, "1, 2"),
}

# functions of operators that compare: the name with * for the word, its key, types' sample values
TESTS: Final[tuple[tuple[str, str, Key, str], ...]] = (
    ("text_pattern_*", "lt le gt ge", str.encode, "'a', 'b'"),
    ("bpchar_pattern_*", "lt le gt ge", lambda value: value.rstrip(" ").encode(), "'a', 'b'"),
    ("oidvector*", "eq ne lt le gt ge", _oids, "'1 2', '1 3'"),
)


def _larger(key: Key, keeps_first: bool) -> Callable[[Any, Any], Any]:
    if keeps_first:
        return lambda left, right: left if key(left) >= key(right) else right
    return lambda left, right: left if key(left) > key(right) else right


def _smaller(key: Key, keeps_first: bool) -> Callable[[Any, Any], Any]:
    if keeps_first:
        return lambda left, right: left if key(left) <= key(right) else right
    return lambda left, right: left if key(left) < key(right) else right


def _tested(compare: Callable[[Any, Any], bool], key: Key) -> Callable[[Any, Any], bool]:
    return lambda left, right: compare(key(left), key(right))


def _functions() -> Iterator[Function]:
    doc = "Less than, equal to or greater than zero, as the first is against the second."
    for name, (example, compare) in COMPARISONS.items():
        yield cataloged(name, compare, doc, example)
    for name, types in INSTANTS.items():
        example = "'2024-01-31', '2024-02-01' -> -1"
        yield cataloged(name, _instants(*types), doc, example, needs_context=True)
    for family, (key, sample) in EXTREMES.items():
        is_first = key is blank_key
        lesser, greater = (value.split("::")[0].strip("'") for value in sample.split(", "))
        larger = f"{sample} -> {greater}"
        yield cataloged(f"{family}larger", _larger(key, is_first), "The larger.", larger)
        smaller = f"{sample} -> {lesser}"
        yield cataloged(f"{family}smaller", _smaller(key, is_first), "The smaller.", smaller)
    for pattern, words, key, sample in TESTS:
        for word in words.split():
            compare = getattr(operator, word)
            answer = "t" if word in ("ne", "lt", "le") else "f"
            yield cataloged(
                pattern.replace("*", word),
                _tested(compare, key),
                "Whether the first compares so with the second.",
                f"{sample} -> {answer}",
            )


def _image_tests() -> Iterator[Function]:
    for word in ("eq", "ne", "lt", "le", "gt", "ge"):
        yield cataloged(
            f"record_image_{word}",
            _imaged(getattr(operator, word)),
            "Whether the first compares so with the second, as they are stored.",
            f"ROW(1,2), ROW(1,3) -> {'t' if word in ('ne', 'lt', 'le') else 'f'}",
        )


def _imaged(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:
        check_comparable(left, right)
        return compare(_image(left), _image(right))

    return test


FUNCTIONS: Final = (*_functions(), *_image_tests())
