"""The functions jsonb_path_... and the operators @? and @@."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from server.errors import SingletonSqlJsonItemRequired
from server.functions.declare import row
from server.functions.jsonpath_evaluate import UNKNOWN_VARIABLES, find
from server.functions.jsonpath_items import PathError
from server.functions.jsonpath_moments import Moment, format_moment
from server.types.jsonb import Jsonb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.functions.function import CallContext, Function
    from server.types.jsonpath import JsonPath

NO_VARIABLES: Final = Jsonb({})
UNKNOWN: Final = Jsonb(UNKNOWN_VARIABLES)
"""What operators give in the place of variables."""


def _found(
    context: CallContext,
    value: Jsonb,
    path: JsonPath,
    variables: Jsonb,
    has_zone: bool,
) -> list[Any]:
    try:
        return list(find(context, path, value.value, variables.value, has_zone))
    except PathError as wrong:
        raise wrong.error from None


def _silently(
    context: CallContext, value: Jsonb, path: JsonPath, variables: Jsonb, has_zone: bool
) -> tuple[list[Any], bool]:
    """The items, and whether no error came behind them."""
    found: list[Any] = []
    try:
        for item in find(context, path, value.value, variables.value, has_zone):
            found.append(item)  # noqa: PERF402 - what came before an error stays
    except PathError:
        return found, False
    return found, True


def _item(item: Any) -> Jsonb:
    return Jsonb(_plain(item))


def _plain(item: Any) -> Any:
    return format_moment(item) if isinstance(item, Moment) else item


def _exists(has_zone: bool) -> Callable[..., bool | None]:
    def exists(
        context: CallContext,
        value: Jsonb,
        path: JsonPath,
        variables: Jsonb = NO_VARIABLES,
        silent: bool = False,
    ) -> bool | None:
        if not silent:
            return bool(_found(context, value, path, variables, has_zone))
        found, is_complete = _silently(context, value, path, variables, has_zone)
        if found and path.is_lax:
            return True
        return bool(found) if is_complete else None

    return exists


def _match(has_zone: bool) -> Callable[..., bool | None]:
    def match(
        context: CallContext,
        value: Jsonb,
        path: JsonPath,
        variables: Jsonb = NO_VARIABLES,
        silent: bool = False,
    ) -> bool | None:
        found = _items(context, value, path, variables, silent, has_zone)
        if len(found) == 1 and (found[0] is None or isinstance(found[0], bool)):
            answer: bool | None = found[0]
            return answer
        if silent:
            return None
        raise SingletonSqlJsonItemRequired("single boolean result is expected")

    return match


def _items(
    context: CallContext,
    value: Jsonb,
    path: JsonPath,
    variables: Jsonb,
    silent: bool,
    has_zone: bool,
) -> list[Any]:
    if silent:
        return _silently(context, value, path, variables, has_zone)[0]
    return _found(context, value, path, variables, has_zone)


def _query(has_zone: bool, shown: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def query(
        context: CallContext,
        value: Jsonb,
        path: JsonPath,
        variables: Jsonb = NO_VARIABLES,
        silent: bool = False,
    ) -> Any:
        return shown(_items(context, value, path, variables, silent, has_zone))

    return query


def _rows(items: list[Any]) -> Iterator[Jsonb]:
    return map(_item, items)


def _array(items: list[Any]) -> Jsonb:
    return Jsonb([_plain(item) for item in items])


def _first(items: list[Any]) -> Jsonb | None:
    return _item(items[0]) if items else None


_ARGUMENTS: Final = "target jsonb, path jsonpath, vars jsonb = '{}'::jsonb, silent bool = false"


def _both(
    oids: tuple[int, int],
    name: str,
    result: str,
    make: Callable[[bool], Any],
    doc: str,
    example: str,
) -> tuple[Function, Function]:
    """A function, and the same that knows the session's time zone."""
    return (
        row(f"{oids[0]} {name}({_ARGUMENTS}) {result} context", make(False), doc, example),
        row(
            f"{oids[1]} {name}_tz({_ARGUMENTS}) {result} stable context",
            make(True),
            f"{doc} Knows the time zone.",
        ),
    )


FUNCTIONS: Final = (
    *_both(
        (4005, 1177),
        "jsonb_path_exists",
        "bool",
        _exists,
        "Whether a path finds anything.",
        """'{"a":[1,2]}', '$.a[*] ? (@ > $x)', '{"x":1}', false -> t""",
    ),
    *_both(
        (4009, 2030),
        "jsonb_path_match",
        "bool",
        _match,
        "Whether a predicate holds.",
        """'{"a":[1,2]}', 'exists($.a[*] ? (@ > 2))', '{}', false -> f""",
    ),
    *_both(
        (4006, 1179),
        "jsonb_path_query",
        "jsonb set",
        lambda has_zone: _query(has_zone, _rows),
        "What a path finds, as rows.",
        """'{"a":[1,2]}', '$.a[*]', '{}', false -> 1 ; 2""",
    ),
    *_both(
        (4007, 1180),
        "jsonb_path_query_array",
        "jsonb",
        lambda has_zone: _query(has_zone, _array),
        "What a path finds, as an array.",
        """'{"a":[1,2]}', '$.a[*] + 1', '{}', true -> []""",
    ),
    *_both(
        (4008, 2023),
        "jsonb_path_query_first",
        "jsonb",
        lambda has_zone: _query(has_zone, _first),
        "The first that a path finds.",
        """'{"a":[1,2]}', '$.a[*]', '{}', false -> 1""",
    ),
    row(
        "4010 jsonb_path_exists_opr(jsonb, jsonpath) bool context",
        lambda context, value, path: _exists(False)(context, value, path, UNKNOWN, True),
        "Whether a path finds anything; NULL for an error.",
        """'{"a":[1,2]}', '$.b' -> f""",
    ),
    row(
        "4011 jsonb_path_match_opr(jsonb, jsonpath) bool context",
        lambda context, value, path: _match(False)(context, value, path, UNKNOWN, True),
        "Whether a predicate holds; NULL for an error.",
        """'{"a":[1,2]}', '$.a[*] > 1' -> t""",
    ),
)
