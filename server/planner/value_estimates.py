"""The share of rows whose value equals a constant, or is below one: from common values, a histogram, or neither.

The manual's "Row Estimation Examples" tells the method; details are PostgreSQL 15's, so that EXPLAIN says the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, Final

from server.oids import BPCHAR, DATE, NUMERIC, TIMESTAMP, TIMESTAMPTZ
from server.planner.learned_keys import key_of_value
from server.types.interval import sort_key as interval_key
from server.types.interval_style import Interval
from server.types.network import Inet

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.expressions.expression import Constant
    from server.planner.statistics import ColumnFacts
    from server.types.type import Type

DEFAULT_RANGE: Final = 1 / 3
NEAREST_SHARE: Final = 0.01
"""Of a part of the histogram, which share is always taken to be beyond a value."""

INTEGERS: Final = frozenset((20, 21, 23))
STRINGS: Final = frozenset((25, 1043, 1042, 19))
US_A_DAY: Final = 86_400_000_000
TESTS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
SCALED_LENGTH: Final = 12
"""How many bytes of a text say where it stands between two others."""

FEW_CHARACTERS: Final = 9
NETWORK_BYTES: Final = 5
"""How many bytes of an address say where it stands between two others."""

KNOWN_RANGES: Final = (("A", "Z"), ("a", "z"), ("0", "9"))


def comparable(kind: Type, constant: Constant) -> Any:
    """A constant as a sort key among values of a type; None where they cannot be compared here."""
    other, value = constant.type.type, constant.value
    if value is None:
        return None
    pair = {kind.oid, other.oid}
    if _is_alike(kind, other):
        return key_of_value(kind, value)
    if kind.oid == NUMERIC and other.oid in INTEGERS:
        return key_of_value(kind, Decimal(value))
    if pair <= {DATE, TIMESTAMP, TIMESTAMPTZ}:
        days = value * US_A_DAY if other.oid == DATE else value
        return days / US_A_DAY if kind.oid == DATE else days
    return None


def _is_alike(kind: Type, other: Type) -> bool:
    """Whether values of the other type are such as those of the type."""
    pair = {kind.oid, other.oid}
    if len(pair) == 1 or pair <= INTEGERS:
        return True
    if pair <= STRINGS:
        return BPCHAR not in pair
    return bool(kind.category == "A" and kind.element_oid == other.element_oid)


def equal_share(facts: ColumnFacts, key: Any, *, is_known: bool) -> float:
    """The share of rows whose value is that; is_known: it is, so common values say whether it is one of them."""
    if facts.unique:
        return 1.0 / max(facts.rows, 1.0)
    if not facts.learned:
        return 1.0 / facts.value_count
    if not is_known:
        share = _clamped(1.0 - facts.null_fraction)
        share = share / facts.value_count if facts.value_count > 1 else share
        return min(share, next(iter(facts.common.values()), share))
    common = _common_share(facts, key)
    if common is not None:
        return common
    share = _clamped(1.0 - facts.common_total - facts.null_fraction)
    others = facts.value_count - len(facts.common)
    share = share / others if others > 1 else share
    return min(share, next(reversed(facts.common.values()), share))


def _common_share(facts: ColumnFacts, key: Any) -> float | None:
    if key is None:
        return None
    try:
        return facts.common.get(key)
    except TypeError:
        return None


def unequal_share(facts: ColumnFacts, equal: float) -> float:
    """The share of rows whose value is another one, where that of the equal ones is known."""
    return _clamped(1.0 - equal - facts.null_fraction)


def joined_share(left: ColumnFacts, right: ColumnFacts) -> float:
    """The share of pairs of rows whose values are equal."""
    counts = left.distinct_count, right.distinct_count
    known = (1.0 - left.null_fraction) * (1.0 - right.null_fraction)
    is_alike = left.kind is not None and right.kind is not None and _is_alike(left.kind, right.kind)
    if not left.common or not right.common or not is_alike:
        return known / max(counts)
    return _matched_share(_Side(left, counts[0]), _Side(right, counts[1]))


@dataclass(slots=True)
class _Side:
    """One side of a join: the shares of its common values that the other side has and has not, and of other values."""

    facts: ColumnFacts
    count: float
    matched: float = 0.0
    unmatched: float = 0.0

    @property
    def others(self) -> float:
        """The share of values that are not common."""
        return _clamped(1.0 - self.facts.null_fraction - self.matched - self.unmatched)

    def look_in(self, common: dict[Any, float]) -> None:
        """See which common values another side has as well."""
        for value, share in self.facts.common.items():
            if value in common:
                self.matched += share
            else:
                self.unmatched += share


def _matched_share(left: _Side, right: _Side) -> float:
    a, b = left.facts.common, right.facts.common
    left.look_in(b)
    right.look_in(a)
    pairs = [share * b[value] for value, share in a.items() if value in b]
    total = sum(pairs)
    return _clamped(
        min(total + _rest(left, right, len(pairs)), total + _rest(right, left, len(pairs)))
    )


def _rest(own: _Side, other: _Side, matches: int) -> float:
    """What pairs of values add that are not common on both sides, seen from one side."""
    result = 0.0
    if other.count > len(other.facts.common):
        result += own.unmatched * other.others / (other.count - len(other.facts.common))
    if other.count > matches:
        result += own.others * (other.others + other.unmatched) / (other.count - matches)
    return result


def compared_share(facts: ColumnFacts, operator: str, constant: Constant) -> float:
    """The share of rows whose value is <, <=, > or >= a constant."""
    key = comparable(facts.kind, constant) if facts.kind is not None else None
    if not facts.learned or key is None:
        return DEFAULT_RANGE
    test = TESTS[operator]
    try:
        common = sum(share for value, share in facts.common.items() if test(value, key))
        within = _histogram_share(facts, operator, key, constant.value)
    except TypeError:
        return DEFAULT_RANGE
    rest = 1.0 - facts.null_fraction - facts.common_total
    return _clamped(common + rest * (0.5 if within is None else within))


def _histogram_share(facts: ColumnFacts, operator: str, key: Any, value: Any) -> float | None:
    """Of the values that are not common, the share on that side of a key."""
    bounds = facts.bounds
    if len(bounds) < 2:
        return None
    is_above, takes_equal = operator in (">", ">="), operator in ("<=", ">=")
    place = (bisect_left if is_above == takes_equal else bisect_right)(bounds, key)
    parts = len(bounds) - 1
    if place <= 0:
        below = 0.0
    elif place > parts:
        below = 1.0
    else:
        below = _below(facts, place, value, apart=is_above == takes_equal)
    share = 1.0 - below if is_above else below
    if facts.ends_known and (place <= 1 or place >= parts):
        return _clamped(share)
    nearest = NEAREST_SHARE / parts
    return min(max(share, nearest), 1.0 - nearest)


def _below(facts: ColumnFacts, place: int, value: Any, *, apart: bool) -> float:
    """The share below a value in a part of the histogram; apart: without those that are equal to it."""
    others = facts.value_count - len(facts.common)
    equal = 1.0 / others if others > 1 and (place == 1 or apart) else 0.0
    bounds = facts.bound_values[place - 1], facts.bound_values[place]
    within = _interpolated(*bounds, value)
    share = (place - 1 + within) / (len(facts.bounds) - 1)
    if place == 1:
        share += equal * (1.0 - within)
    return share - equal if apart else share


def _interpolated(low: Any, high: Any, value: Any) -> float:
    """Where a value stands between two others, from 0 to 1."""
    if isinstance(value, str):
        if not isinstance(low, str) or not isinstance(high, str):
            return 0.5
        low, high, value = _scaled(low, high, value)
    try:
        low, high, value = (_as_number(each) for each in (low, high, value))
    except (TypeError, ValueError, OverflowError):
        return 0.5
    if high <= low:
        return 0.5
    if value <= low:
        return 0.0
    if value >= high:
        return 1.0
    share = (value - low) / (high - low)
    return share if isfinite(share) and 0.0 <= share <= 1.0 else 0.5


def _as_number(value: Any) -> float:
    """A value as a number among others of its type; raises for what is none."""
    if isinstance(value, Inet):
        return float(int.from_bytes(value.address[:NETWORK_BYTES]))
    if isinstance(value, Interval):
        return float(interval_key(value))
    return float(value)


def _scaled(low: str, high: str, value: str) -> tuple[float, float, float]:
    """Texts as fractions between 0 and 1, after what all begin with, in the base of the characters they have."""
    texts = [each.encode() for each in (low, high, value)]
    characters = (texts[0] + texts[1]) or b" "
    first, last = min(characters), max(characters)
    for start, end in KNOWN_RANGES:
        if first <= ord(end) and last >= ord(start):
            first, last = min(first, ord(start)), max(last, ord(end))
    if last - first < FEW_CHARACTERS:
        first, last = ord(" "), 127
    shared = 0
    while all(shared < len(each) for each in texts) and len({each[shared] for each in texts}) == 1:
        shared += 1
    a, b, c = (_fraction(each[shared:], first, last) for each in texts)
    return a, b, c


def _fraction(text: bytes, first: int, last: int) -> float:
    base = last - first + 1
    result, unit = 0.0, float(base)
    for character in text[:SCALED_LENGTH]:
        result += (min(max(character, first - 1), last + 1) - first) / unit
        unit *= base
    return result


def _clamped(share: float) -> float:
    return min(max(share, 0.0), 1.0)
