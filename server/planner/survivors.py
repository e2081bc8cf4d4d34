"""Which partitions are left of a condition once its values are known: constants in a plan, parameters in a run."""

from __future__ import annotations

from itertools import islice, pairwise, product
from typing import TYPE_CHECKING, Any

from server.expressions.expression import Constant, Expression, Relabel

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.catalog.partition_bounds import PartitionMap
    from server.planner.physical import KeyClause, KeyTest


UNKNOWN = object()
"""The value of an expression that only a run can tell."""


def known_values(expression: Expression) -> Any:
    """The value of a constant; UNKNOWN for anything else."""
    while isinstance(expression, Relabel):
        expression = expression.argument
    return expression.value if isinstance(expression, Constant) else UNKNOWN


def survivors(
    found: PartitionMap, test: KeyTest, value_of: Callable[[Expression], Any]
) -> list[int]:
    """The numbers of the partitions that can have rows for which the test is true."""
    return sorted(_survivors(found, test, value_of))


def _survivors(
    found: PartitionMap, test: KeyTest, value_of: Callable[[Expression], Any]
) -> set[int]:
    clauses = _evaluated(test.clauses, value_of)
    if clauses is None:
        return set()
    point = _point(found, clauses)
    if point is not None:
        number = found.number_of(point)
        kept = set() if number is None else {number}
    elif clauses:
        kept = _MATCHERS[found.strategy](found, clauses)
    else:
        kept = set(range(len(found.partitions)))
    for group in test.groups:
        kept &= set().union(*(_survivors(found, arm, value_of) for arm in group))
    return kept


Clauses = list[tuple[int, str, Any]]


def _evaluated(
    clauses: tuple[KeyClause, ...], value_of: Callable[[Expression], Any]
) -> Clauses | None:
    """Position, operator and value of each clause that is known; None: no row can satisfy them."""
    result: Clauses = []
    for clause in clauses:
        if clause.operator == "nothing":
            return None
        values = [value_of(value) for value in clause.values]
        if any(value is UNKNOWN for value in values):
            continue
        if clause.operator == "items":
            if values[0] is None:
                return None
            values = list(values[0].items)
        if clause.operator in ("any", "items"):
            values = [value for value in values if value is not None]
            if not values:
                return None
            result.append((clause.position, "any", values))
        elif values and values[0] is None:
            return None  # comparisons with NULL are never true
        else:
            result.append((clause.position, clause.operator, values[0] if values else None))
    return result


def _point(found: PartitionMap, clauses: Clauses) -> list[Any] | None:
    """The whole key, where each of its columns equals one value: what else is asked rules out no other."""
    values = {position: value for position, operator, value in clauses if operator == "="}
    if len(values) < len(found.types) or any(found.hash_functions):
        return None
    return [values[position] for position in range(len(found.types))]


def _match_hash(found: PartitionMap, clauses: Clauses) -> set[int]:
    """Only when the whole key is known, and PostgreSQL's own functions hash it."""
    every = set(range(len(found.partitions)))
    if any(found.hash_functions):
        return every
    choices: list[list[Any]] = []
    for position in range(len(found.types)):
        values: list[Any] | None = None
        for place, operator, value in clauses:
            if place != position or operator not in ("=", "any", "null"):
                continue
            given = {"=": [value], "any": value, "null": [None]}[operator]
            if values is None or len(given) < len(values):
                values = given
        if values is None:
            return every
        choices.append(values)
    keys = list(islice(product(*choices), 1000))
    if len(keys) == 1000:
        return every
    return {number for key in keys if (number := found.number_of(key)) is not None}


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
    "<>": lambda a, b: bool(a != b),
}


def _match_list(found: PartitionMap, clauses: Clauses) -> set[int]:
    keys = [(operator, _keys_of(found, 0, operator, value)) for _, operator, value in clauses]
    wants_null = any(operator == "null" for operator, _ in keys)
    if wants_null and any(operator != "null" for operator, _ in keys):
        return set()
    kept: set[int] = set()
    if wants_null:
        number = found.number_of((None,))
        return set() if number is None else {number}
    for value, number in found.values.items():
        if all(_satisfies(value, operator, key) for operator, key in keys):
            kept.add(number)
    if found.default is not None and _beyond_lists(found, keys):
        kept.add(found.default)
    return kept


def _keys_of(found: PartitionMap, position: int, operator: str, value: Any) -> Any:
    if operator in ("null", "notnull"):
        return None
    if operator == "any":
        return [found.key(position, item) for item in value]
    return found.key(position, value)


def _satisfies(value: Any, operator: str, key: Any) -> bool:
    if operator == "notnull":
        return True
    if operator == "any":
        return value in key
    return _TESTS[operator](value, key)


def _beyond_lists(found: PartitionMap, keys: list[tuple[str, Any]]) -> bool:
    """Whether a value that no list has may satisfy the conditions."""
    for operator, key in keys:
        given = [key] if operator == "=" else key if operator == "any" else None
        if given is None:
            continue
        rest = [
            value
            for value in given
            if value not in found.values
            and all(_satisfies(value, other, bound) for other, bound in keys)
        ]
        if not rest:
            return False
    return True


def _match_range(found: PartitionMap, clauses: Clauses) -> set[int]:
    if any(operator == "null" for _, operator, _ in clauses):
        return set() if found.default is None else {found.default}
    kept: set[int] = set()
    for choice in _choices(found, clauses):
        kept |= _range_of(found, choice)
    return kept


def _choices(found: PartitionMap, clauses: Clauses) -> list[list[tuple[int, str, Any]]]:
    """The conditions with keys, one list for each item of the first = ANY."""
    plain = [
        (position, operator, found.key(position, value))
        for position, operator, value in clauses
        if operator not in ("any", "notnull", "<>")
    ]
    arrays = [(position, value) for position, operator, value in clauses if operator == "any"]
    if not arrays:
        return [plain]
    position, items = arrays[0]
    return [[*plain, (position, "=", found.key(position, item))] for item in items]


def _range_of(found: PartitionMap, clauses: list[tuple[int, str, Any]]) -> set[int]:
    """The partitions that meet the interval which the conditions leave of the key."""
    low: list[tuple[Any, ...]] = []
    high: list[tuple[Any, ...]] = []
    for position in range(len(found.types)):
        lowest, highest, empty = _interval(position, clauses)
        if empty:
            return set()
        if lowest is not None:
            low.append((0, lowest[0]))
        if highest is not None:
            high.append((0, highest[0]))
        is_point = lowest is not None and highest is not None and lowest[0] == highest[0]
        if is_point:
            continue
        return _between(
            found,
            (tuple(low), lowest is None or lowest[1]),
            (tuple(high), highest is None or highest[1]),
        )
    return _between(found, (tuple(low), True), (tuple(high), True))


def _interval(position: int, clauses: list[tuple[int, str, Any]]) -> tuple[Any, Any, bool]:
    """The least and the greatest value a column may have, each with whether it is included."""
    lowest: tuple[Any, bool] | None = None
    highest: tuple[Any, bool] | None = None
    for place, operator, key in clauses:
        if place != position:
            continue
        included = operator in ("=", "<=", ">=")
        if operator in ("=", ">", ">=") and (
            lowest is None or key > lowest[0] or (key == lowest[0] and not included)
        ):
            lowest = (key, included)
        if operator in ("=", "<", "<=") and (
            highest is None or key < highest[0] or (key == highest[0] and not included)
        ):
            highest = (key, included)
    empty = (
        lowest is not None
        and highest is not None
        and (lowest[0] > highest[0] or (lowest[0] == highest[0] and not (lowest[1] and highest[1])))
    )
    return lowest, highest, empty


Edge = tuple[tuple[Any, ...], bool]


def _between(found: PartitionMap, low: Edge, high: Edge) -> set[int]:
    """The ranges that meet the keys between two prefixes, and the default one where gaps are left."""
    kept: set[int] = set()
    covered = low[0] and low[0] == high[0] and len(low[0]) == len(found.types)
    for number, (lower, upper) in enumerate(zip(found.lowers, found.uppers, strict=True)):
        if _ends_before(upper, low) or _starts_after(lower, high):
            continue
        kept.add(number)
    if (
        found.default is not None
        and not (covered and kept)
        and not _is_covered(found, kept, low, high)
    ):
        kept.add(found.default)
    return kept


def _ends_before(upper: tuple[Any, ...], low: Edge) -> bool:
    """Whether all keys below the bound lie below the low edge."""
    prefix, included = low
    head = upper[: len(prefix)]
    if head != prefix:
        return head < prefix
    # Keys that begin with the prefix lie below the bound if anything of it is left.
    if len(upper) == len(prefix):
        return True
    return not included or upper[len(prefix)] == (-1,)


def _starts_after(lower: tuple[Any, ...], high: Edge) -> bool:
    prefix, included = high
    head = lower[: len(prefix)]
    if head != prefix:
        return head > prefix
    if len(lower) == len(prefix):
        return not included
    return not included or lower[len(prefix)] == (1,)


def _is_covered(found: PartitionMap, kept: set[int], low: Edge, high: Edge) -> bool:
    """Whether the ranges leave no gap between the edges: the default partition has no such keys then."""
    if not kept:
        return False
    numbers = sorted(kept)
    for before, after in pairwise(numbers):
        if found.uppers[before] != found.lowers[after]:
            return False
    first, last = found.lowers[numbers[0]], found.uppers[numbers[-1]]
    return _reaches_down(first, low) and _reaches_up(last, high)


def _reaches_down(lower: tuple[Any, ...], low: Edge) -> bool:
    prefix, _ = low
    if not prefix:
        return all(datum == (-1,) for datum in lower)
    head = lower[: len(prefix)]
    if head != prefix:
        return head < prefix
    return all(datum == (-1,) for datum in lower[len(prefix) :])


def _reaches_up(upper: tuple[Any, ...], high: Edge) -> bool:
    prefix, included = high
    if not prefix:
        return all(datum == (1,) for datum in upper)
    head = upper[: len(prefix)]
    if head != prefix:
        return head > prefix
    if len(upper) == len(prefix):
        return not included
    return all(datum == (1,) for datum in upper[len(prefix) :])


_MATCHERS: dict[str, Callable[[PartitionMap, Clauses], set[int]]] = {
    "hash": _match_hash,
    "list": _match_list,
    "range": _match_range,
}
