"""pg_lsn and xid8: distances between positions of the log, positions so far on, comparisons."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from server.errors import FeatureNotSupported, InvalidParameterValue
from server.functions.declare import Behaviour, table
from server.functions.numeric_math import add, negate, round_scale

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT: Final = 1 << 64


def _moved(action: str, sign: int) -> Callable[[int, Decimal], int]:
    def compute(position: int, count: Decimal) -> int:
        if count.is_nan():
            raise FeatureNotSupported(f"cannot {action} pg_lsn")
        if not count.is_finite():
            raise FeatureNotSupported("cannot convert infinity to pg_lsn")
        return _checked(add(Decimal(position), count if sign > 0 else negate(count)))

    return compute


def _refuse() -> int:
    raise InvalidParameterValue("pg_lsn out of range")


def _checked(number: Decimal) -> int:
    found = int(round_scale(number, 0))
    return found if 0 <= found < LIMIT else _refuse()


_PLUS, _MINUS = _moved("add NaN to", 1), _moved("subtract NaN from", -1)


def _position(number: Decimal) -> int:
    if not number.is_finite():
        what = "NaN" if number.is_nan() else "infinity"
        raise FeatureNotSupported(f"cannot convert {what} to pg_lsn")
    return _checked(number)


def _compare(left: int, right: int) -> int:
    return (left > right) - (left < right)


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "minus": ("Bytes between two positions.", lambda left, right: Decimal(left - right), None),
    "plus count": ("The position so many bytes on.", _PLUS, None),
    "count plus": ("The position so many bytes on.", lambda count, at: _PLUS(at, count), None),
    "minus count": ("The position so many bytes before.", _MINUS, None),
    "larger": ("The greater one.", max, None),
    "smaller": ("The lesser one.", min, None),
    "cmp": ("-1, 0 or 1 as it is less, equal or greater.", _compare, None),
    "position": ("The position of that number.", _position, None),
    "xid": ("The transaction id without its epoch.", lambda value: value & 0xFFFFFFFF, None),
}
TABLE: Final = """
3237 pg_lsn_mi(pg_lsn, pg_lsn) numeric | minus | '0/20', '0/10' -> 16
5022 pg_lsn_pli(pg_lsn, numeric) pg_lsn | plus count | '0/20', 16 -> 0/30
5023 numeric_pl_pg_lsn(numeric, pg_lsn) pg_lsn | count plus | 16, '0/20' -> 0/30
5024 pg_lsn_mii(pg_lsn, numeric) pg_lsn | minus count | '0/20', 16 -> 0/10
4187 pg_lsn_larger(pg_lsn, pg_lsn) pg_lsn | larger | '0/20', '0/10' -> 0/20
4188 pg_lsn_smaller(pg_lsn, pg_lsn) pg_lsn | smaller | '0/20', '0/10' -> 0/10
3251 pg_lsn_cmp(pg_lsn, pg_lsn) int4 | cmp | '0/20', '0/10' -> 1
6103 pg_lsn(numeric) pg_lsn | position | 23783416 -> 0/16AE7F8
5096 xid8cmp(xid8, xid8) int4 | cmp | '1', '2' -> -1
5097 xid8_larger(xid8, xid8) xid8 | larger | '1', '2' -> 2
5098 xid8_smaller(xid8, xid8) xid8 | smaller | '1', '2' -> 1
5071 xid(xid8) xid | xid | '4294967297' -> 1
"""
FUNCTIONS: Final = table(TABLE, BEHAVIOURS)
