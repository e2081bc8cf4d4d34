"""Item methods of jsonpath that look at one item: type, numbers, dates, keyvalue."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    NonNumericSqlJsonItem,
    SqlError,
    SqlJsonArrayNotFound,
    SqlJsonObjectNotFound,
)
from server.functions import numeric_math as exact
from server.functions.float_numerics import FloatNumerics
from server.functions.json_text import jsonb_kind
from server.functions.jsonpath_items import Items, PathError, applied_to, is_number
from server.functions.jsonpath_moments import InvalidDatetimeArgument, Moment, read_moment
from server.types.floats import parse_float8
from server.types.jsonb import make_object
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.jsonpath_evaluate import Evaluation
    from server.types.jsonpath import Step


_FLOOR, _CEILING = exact.integral("ROUND_FLOOR"), exact.integral("ROUND_CEILING")
_DECIMAL = FloatNumerics(15).convert


def _type(_evaluation: Evaluation, _step: Step, item: Any) -> Items:
    return [item.sql_name if isinstance(item, Moment) else jsonb_kind(item)]


def _size(evaluation: Evaluation, step: Step, item: Any) -> Items:
    if isinstance(item, list):
        return [Decimal(len(item))]
    if evaluation.path.is_lax:
        return [Decimal(1)]
    if evaluation.ignores_structure:
        return []
    raise PathError(SqlJsonArrayNotFound(applied_to(step, "an array")))


def _numeric(
    compute: Callable[[Decimal], Decimal],
) -> Callable[[Evaluation, Step, Any], Items]:
    def evaluate(_evaluation: Evaluation, step: Step, item: Any) -> Items:
        if not is_number(item):
            raise PathError(NonNumericSqlJsonItem(applied_to(step, "a numeric value")))
        return [compute(item)]

    return evaluate


def _double(_evaluation: Evaluation, step: Step, item: Any) -> Items:
    if not is_number(item) and not isinstance(item, str):
        raise PathError(NonNumericSqlJsonItem(applied_to(step, "a string or numeric value")))
    text = item if isinstance(item, str) else str(item)
    try:
        number = parse_float8(text, -1, PLAIN_STYLE)
    except SqlError:
        what = "string" if isinstance(item, str) else "numeric"
        raise PathError(
            NonNumericSqlJsonItem(
                f"{what} argument of jsonpath item method .{step.value}() is "
                + (
                    "not a valid representation of a double precision number"
                    if what == "string"
                    else "out of range for type double precision"
                )
            )
        ) from None
    if number != number or abs(number) == float("inf"):
        raise PathError(
            NonNumericSqlJsonItem(
                f"NaN or Infinity is not allowed for jsonpath item method .{step.value}()"
            )
        )
    return [item if is_number(item) else _DECIMAL(number)]


def _datetime(_evaluation: Evaluation, step: Step, item: Any) -> Items:
    if not isinstance(item, str):
        raise PathError(InvalidDatetimeArgument(applied_to(step, "a string")))
    template = step.arguments[0][0].value if step.arguments else None
    try:
        return [read_moment(item, template)]
    except SqlError as error:
        raise PathError(error) from None


def _keyvalue(evaluation: Evaluation, step: Step, item: Any) -> Items:
    if not isinstance(item, dict):
        raise PathError(SqlJsonObjectNotFound(applied_to(step, "an object")))
    number = Decimal(0)
    return [
        make_object([("key", key), ("value", value), ("id", number)]) for key, value in item.items()
    ]


METHODS: Final[dict[str, Callable[[Evaluation, Step, Any], Items]]] = {
    "type": _type,
    "size": _size,
    "abs": _numeric(lambda number: number.copy_abs()),
    "floor": _numeric(_FLOOR),
    "ceiling": _numeric(_CEILING),
    "double": _double,
    "datetime": _datetime,
    "keyvalue": _keyvalue,
}
"""How each method is evaluated; what is found in an array is in the place of it in lax mode."""
