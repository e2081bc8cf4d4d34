"""range_agg and range_intersect_agg: ranges and multiranges of many rows put together."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from server.functions.collecting import Rows, gathering
from server.functions.ranges import intersect, parts, range_intersect
from server.types.range import Multirange, make_multirange

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.functions.function import CallContext


def _together(call: CallContext, rows: Rows) -> Multirange | None:
    values = [value for (value,) in rows if value is not None]
    if not values:
        return None
    return make_multirange(values[0].kind, [each for value in values for each in parts(value)])


def _common(combine: Callable[[Any, Any], Any]) -> Callable[[CallContext, Rows], Any]:
    def found(call: CallContext, rows: Rows) -> Any:
        values = [value for (value,) in rows if value is not None]
        return reduce(combine, values) if values else None

    return found


AGGREGATES: Final = (
    gathering("4301 range_agg(anyrange) anymultirange", _together, "All that lies in any."),
    gathering("6227 range_agg(anymultirange) anymultirange", _together, "All that lies in any."),
    gathering(
        "4450 range_intersect_agg(anyrange) anyrange",
        _common(range_intersect),
        "What lies in all.",
    ),
    gathering(
        "4389 range_intersect_agg(anymultirange) anymultirange",
        _common(intersect),
        "What lies in all.",
    ),
)
