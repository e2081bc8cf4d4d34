"""Calls that PostgreSQL does not make: those that do nothing, and those of functions that are written in SQL.

Rule 1: that a length or a precision takes nothing away is known from the types alone (the planner support functions
        of PostgreSQL); the call's value is then its first argument, whatever the others are.
Rule 2: a function in SQL becomes its body where its arguments may be written as often as the body has them; what is
        constant in there is computed, and what is left runs in the body's order, with its errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import InternalError
from server.expressions import expression as nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.types.type import TypeReference

HEADER: Final = 4  # that modifiers of lengths and of numeric count with
PRECISION_MAX: Final = 6
FULL_RANGE: Final = 0x7FFF
COSTLY: Final = 10
"""More calls than that are not written twice."""

_LEAST_FIELDS: Final = {
    FULL_RANGE: 0,
    1 << 2: 5,
    1 << 1: 4,
    1 << 3: 3,
    1 << 10: 2,
    1 << 11: 1,
    1 << 12: 0,
    1 << 2 | 1 << 1: 4,
    1 << 3 | 1 << 10: 2,
    1 << 3 | 1 << 10 | 1 << 11: 1,
    1 << 3 | 1 << 10 | 1 << 11 | 1 << 12: 0,
    1 << 10 | 1 << 11: 1,
    1 << 10 | 1 << 11 | 1 << 12: 0,
    1 << 11 | 1 << 12: 0,
}
"""The smallest field, seconds being 0, of each range of fields that an interval may have."""


def _keeps_length(old: int, new: int) -> bool:
    return new < 0 or 0 <= old <= new


def _keeps_bits(old: int, new: int) -> bool:
    return new <= 0 or 0 < old <= new


def _keeps_moment(old: int, new: int) -> bool:
    return new < 0 or new == PRECISION_MAX or 0 <= old <= new


def _keeps_digits(old: int, new: int) -> bool:
    if new < HEADER:
        return True
    had, wanted = old - HEADER, new - HEADER
    return old >= HEADER and had & 0x7FF == wanted & 0x7FF and wanted >> 16 >= had >> 16


def _keeps_interval(old: int, new: int) -> bool:
    if new < 0:
        return True
    had, wanted = _least_field(old), _least_field(new)
    digits, given = (0xFFFF if old < 0 else old & 0xFFFF), new & 0xFFFF
    return wanted <= had and (had > 0 or given >= PRECISION_MAX or given >= digits)


def _least_field(modifier: int) -> int:
    if modifier < 0:
        return 0
    found = _LEAST_FIELDS.get(modifier >> 16 & FULL_RANGE)
    if found is None:
        raise InternalError(f"invalid INTERVAL typmod: 0x{modifier:x}")
    return found


KEEPS: Final[dict[int, Callable[[int, int], bool]]] = {
    669: _keeps_length,
    1687: _keeps_bits,
    1703: _keeps_digits,
    1200: _keeps_interval,
    **dict.fromkeys((1961, 1967, 1968, 1969), _keeps_moment),
}
"""By the function that applies a modifier: whether one of a value of another changes nothing."""

Body = Any  # the number of an argument, or a function and its arguments


def _periods(compares: int, adds: int, *, first: bool, second: bool) -> Body:
    return (compares, 1, (adds, 1, 2) if first else 2, 3, (adds, 3, 4) if second else 4)


BODIES: Final[dict[int, Body]] = {
    1176: (2028, (1272, 1, 2)),  # timestamptz(date, time)
    1296: (1272, 2, 1),
    1384: (2021, 1, (2024, 2)),  # date_part(text, date)
    1298: (1297, 2, 1),
    1848: (1747, 2, 1),
    2546: (2071, 2, 1),
    2547: (1749, 2, 1),
    2548: (2032, 2, 1),
    2549: (1189, 2, 1),
    2550: (1141, 2, 1),
    2631: (2630, 2, 1),
    5023: (5022, 2, 1),
    1305: _periods(1304, 1189, first=True, second=True),
    1306: _periods(1304, 1189, first=False, second=True),
    1307: _periods(1304, 1189, first=True, second=False),
    1309: _periods(1308, 1747, first=True, second=True),
    1310: _periods(1308, 1747, first=False, second=True),
    1311: _periods(1308, 1747, first=True, second=False),
    2042: _periods(2041, 2032, first=True, second=True),
    2043: _periods(2041, 2032, first=False, second=True),
    2044: _periods(2041, 2032, first=True, second=False),
    2074: (2073, 1, (1986, 2, 3)),  # substring(text similar pattern escape escape)
}
"""By the function: its body, where that makes a difference to what is known while planning or fails first."""


WITH_CONSTANTS: Final = frozenset((1384,))
"""Functions whose bodies say nothing that they do not say themselves where no argument is constant."""


def _has_constant(call: nodes.Call) -> bool:
    return isinstance(call.arguments[-1], nodes.Constant)


def simplified(call: nodes.Call) -> nodes.Expression | None:
    """What stands for a call with arguments that are not all constant; None: nothing does."""
    keeps = KEEPS.get(call.function.oid)
    if keeps is not None:
        return _without_modifier(call, keeps)
    body = BODIES.get(call.function.oid)
    if call.function.oid in WITH_CONSTANTS and not _has_constant(call):
        return None
    return None if body is None or call.function.collator is not None else _inlined(call, body)


def _without_modifier(
    call: nodes.Call, keeps: Callable[[int, int], bool]
) -> nodes.Expression | None:
    value, modifier = call.arguments[:2]
    if not isinstance(modifier, nodes.Constant) or modifier.value is None:
        return None
    if not keeps(value.type.modifier, modifier.value):
        return None
    return nodes.Relabel(type=call.type, argument=value, offset=call.offset)


def _inlined(call: nodes.Call, body: Body) -> nodes.Expression | None:
    used = list(_numbers(body))
    for number, argument in enumerate(call.arguments, 1):
        if used.count(number) > 1 and _is_costly(argument):
            return None
    return _written(body, call.arguments, call.type, call.offset)


def _numbers(body: Body) -> Any:
    if isinstance(body, int):
        yield body
        return
    for part in body[1:]:
        yield from _numbers(part)


def _written(
    body: Body, arguments: tuple[nodes.Expression, ...], result: TypeReference | None, offset: int
) -> nodes.Expression:
    from server.functions.registry import FUNCTION_BY_OID
    from server.types.registry import TYPE_BY_OID
    from server.types.type import TypeReference

    if isinstance(body, int):
        return arguments[body - 1]
    oid, *parts = body
    function = FUNCTION_BY_OID[oid]
    if result is None:
        kind = TYPE_BY_OID[function.result]
        result = TypeReference(kind, -1, kind.collation)
    given = tuple(_written(part, arguments, None, offset) for part in parts)
    return nodes.Call(type=result, function=function, arguments=given, offset=offset)


def _is_costly(argument: nodes.Expression) -> bool:
    """Whether evaluating it twice would be felt, or make a difference."""
    parts = list(nodes.walk(argument))
    if any(isinstance(part, nodes.Subquery) for part in parts):
        return True
    calls = [part for part in parts if isinstance(part, nodes.Call)]
    if any(part.function.volatility == "v" or part.function.definition for part in calls):
        return True
    return len(calls) + 2 * sum(isinstance(part, nodes.CastText) for part in parts) > COSTLY
