"""tablefunc: rows of pairs turned into columns (crosstab), trees walked in tables (connectby), normal_rand.

All but normal_rand run queries they are given and say what comes of them in the columns that the call asks
for; a value whose type is another goes there by its text.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from server.errors import (
    DatatypeMismatch,
    DuplicateObject,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidRecursion,
    SqlSyntaxError,
)
from server.extensions.extension import Extension
from server.identifiers import quote_literal
from server.oids import INT4, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from server.functions.function import CallContext
    from server.types.type import Type, TypeReference

    Columns = Sequence[tuple[str, TypeReference]]

SOURCE_COLUMNS: Final = 3
INCOMPATIBLE: Final = "return and sql tuple descriptions are incompatible"
DELIMITER: Final = "~"


def _normal_rand(count: int, mean: float, deviation: float) -> Iterator[float]:
    if count < 0:
        raise InvalidParameterValue("number of rows cannot be negative")
    return (random.gauss(mean, deviation) for _ in range(count))


def _put(call: CallContext, value: Any, kind: Type, column: TypeReference) -> Any:
    """A value as the column has it: through its text, unless nothing can change on the way."""
    if value is None or (kind.oid == column.type.oid and column.modifier == -1):
        return value
    return column.type.parse(kind.format(value, call.style), column.modifier, call.style)


def _answer(call: CallContext, query: str) -> tuple[list[Type], list[tuple[Any, ...]]]:
    planned, rows = call.execution.query(query)
    return [each.type for each in planned.types], rows


# crosstab.


def _crosstab(columns: Columns = ()) -> Callable[..., Any]:
    """crosstab(text): the values of a row's name, in the order in which they come."""

    def crosstab(call: CallContext, query: str, _count: int = 0) -> Iterator[tuple[Any, ...]]:
        types, rows = _answer(call, query)
        if not rows:
            return iter(())
        if len(types) != SOURCE_COLUMNS:
            raise InvalidParameterValue(
                "invalid source data SQL statement",
                detail="The provided SQL must return 3 columns: rowid, category, and values.",
            )
        wanted = [kind for _, kind in columns or call.result.type.fields]
        if not wanted:
            raise FeatureNotSupported(
                "function returning record called in context that cannot accept type record"
            )
        _check_crosstab(types, wanted)
        return _in_turn(call, rows, types, wanted)

    return crosstab


def _check_crosstab(types: Sequence[Type], wanted: Sequence[TypeReference]) -> None:
    name, _, value = types
    if len(wanted) == 1:
        raise SqlSyntaxError(INCOMPATIBLE)
    if wanted[0].type.oid != name.oid:
        raise DatatypeMismatch(
            "invalid return type",
            detail="SQL rowid datatype does not match return rowid datatype.",
        )
    if any(column.type.oid != value.oid for column in wanted[1:]):
        raise SqlSyntaxError(INCOMPATIBLE)


def _in_turn(
    call: CallContext,
    rows: Sequence[tuple[Any, ...]],
    types: Sequence[Type],
    wanted: Sequence[TypeReference],
) -> Iterator[tuple[Any, ...]]:
    for name, group in _groups(call, rows, types[0]):
        values = [row[2] for row in group[: len(wanted) - 1]]
        values += [None] * (len(wanted) - 1 - len(values))
        yield (
            _put(call, name, types[0], wanted[0]),
            *(
                _put(call, *each)
                for each in zip(values, [types[2]] * len(values), wanted[1:], strict=True)
            ),
        )


def _groups(
    call: CallContext, rows: Sequence[tuple[Any, ...]], kind: Type
) -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
    """Rows that follow each other under one name: names are compared as they are written."""
    group: list[tuple[Any, ...]] = []
    last: str | None = None
    for row in rows:
        name = None if row[0] is None else kind.format(row[0], call.style)
        if group and name != last:
            yield group[0][0], group
            group = []
        last = name
        group.append(row)
    if group:
        yield group[0][0], group


def _crosstab_by_category(columns: Columns = ()) -> Callable[..., Any]:
    """crosstab(text, text): each value in the column of its category."""

    def crosstab(call: CallContext, query: str, categories: str) -> Iterator[tuple[Any, ...]]:
        wanted = [kind for _, kind in columns]
        _require_columns(wanted)
        if len(wanted) == 1:
            raise SqlSyntaxError(
                "query-specified return tuple and crosstab function are not compatible"
            )
        places = _categories(call, categories)
        types, rows = _answer(call, query)
        if not rows:
            return iter(())
        if len(types) < SOURCE_COLUMNS:
            raise InvalidParameterValue(
                "invalid source data SQL statement",
                detail="The provided SQL must return 3  columns; rowid, category, and values.",
            )
        width = len(types) - 2 + len(places)
        if width != len(wanted):
            raise SqlSyntaxError(
                "invalid return type",
                detail=f"Query-specified return tuple has {len(wanted)} columns "
                f"but crosstab returns {width}.",
            )
        return _by_category(call, rows, types, places, wanted)

    return crosstab


def _require_columns(wanted: Sequence[TypeReference]) -> None:
    if not wanted:
        raise FeatureNotSupported(
            "materialize mode required, but it is not allowed in this context"
        )


def _categories(call: CallContext, query: str) -> dict[str, int]:
    types, rows = _answer(call, query)
    if len(types) != 1 or not rows:
        raise SqlSyntaxError('provided "categories" SQL must return 1 column of at least one row')
    places: dict[str, int] = {}
    for number, (value,) in enumerate(rows):
        if value is None:
            raise SqlSyntaxError('provided "categories" SQL must not return NULL values')
        name = types[0].format(value, call.style)
        if name in places:
            raise DuplicateObject("duplicate category name")
        places[name] = number
    return places


def _by_category(
    call: CallContext,
    rows: Sequence[tuple[Any, ...]],
    types: Sequence[Type],
    places: dict[str, int],
    wanted: Sequence[TypeReference],
) -> Iterator[tuple[Any, ...]]:
    *kept, category, kind = types
    for _, group in _groups(call, rows, types[0]):
        values = [*group[0][: len(kept)], *[None] * len(places)]
        for row in group:
            place = None if row[-2] is None else places.get(category.format(row[-2], call.style))
            if place is not None:
                values[len(kept) + place] = row[-1]
        sources = (*kept, *[kind] * len(places))
        yield tuple(_put(call, *each) for each in zip(values, sources, wanted, strict=True))


# connectby.


class _Walk:
    """A tree of a table, walked from its root down. A row's columns: key, parent, level, branch, order."""

    def __init__(self, call: CallContext, names: Sequence[str], limit: int, branch: str | None):
        self.call = call
        self.table, self.key, self.parent, *self.order = names
        self.limit = limit
        self.delimiter = branch or DELIMITER
        self.shows_branch = branch is not None
        self.count = 0

    def check(self, wanted: Sequence[TypeReference]) -> None:
        """The columns that a call asks for are those that come."""
        _require_columns(wanted)
        types = [column.type.oid for column in wanted]
        if len(types) != SOURCE_COLUMNS + self.shows_branch + len(self.order):
            _refuse("Query-specified return tuple has wrong number of columns.")
        if types[0] != types[1]:
            _refuse("First two columns must be the same type.")
        if types[2] != INT4:
            _refuse("Third column must be type integer.")
        if self.shows_branch and types[3] != TEXT:
            _refuse("Fourth column must be type text.")
        if self.order and types[-1] != INT4:
            place = "fifth" if self.shows_branch else "fourth"
            raise DatatypeMismatch(
                f"query-specified return tuple not valid for Connectby: {place} column must be "
                "type integer"
            )

    def rows(self, start: str, wanted: Sequence[TypeReference]) -> Iterator[tuple[Any, ...]]:
        """The root, and what is below it."""
        column = wanted[0]
        root = column.type.parse(start, column.modifier, self.call.style)
        yield self._row(root, None, 0, start)
        pending = [self._children(start, 1, start, column)]
        while pending:
            found = next(pending[-1], None)
            if found is None:
                pending.pop()
                continue
            name, row, branch = found
            yield row
            pending.append(self._children(name, len(pending) + 1, branch, column))

    def _row(self, key: Any, parent: Any, level: int, branch: str) -> tuple[Any, ...]:
        self.count += 1
        shown = (branch,) if self.shows_branch else ()
        return (key, parent, level, *shown, *((self.count,) if self.order else ()))

    def _children(
        self, start: str, level: int, branch: str, column: TypeReference
    ) -> Iterator[tuple[str, tuple[Any, ...], str]]:
        if 0 < self.limit < level:
            return
        types, rows = _answer(self.call, self._query(start))
        if not rows:
            return
        self._check_found(types, column)
        kind = types[0]
        above = f"{self.delimiter}{branch}{self.delimiter}"
        for key, parent in rows:
            name = kind.format(key, self.call.style)
            if f"{self.delimiter}{name}{self.delimiter}" in above:
                raise InvalidRecursion("infinite recursion detected")
            below = f"{branch}{self.delimiter}{name}"
            yield name, self._row(key, parent, level, below), below

    def _check_found(self, types: Sequence[Type], column: TypeReference) -> None:
        for what, kind in zip(("key", "parent key"), types, strict=True):
            if kind.oid != column.type.oid:
                _refuse(
                    f"SQL {what} field type {column.type.sql_name} does not match return key "
                    f"field type {kind.sql_name}."
                )

    def _query(self, start: str) -> str:
        key, parent = self.key, self.parent
        rows = f"SELECT {key}, {parent} FROM {self.table}"  # noqa: S608  (names are SQL, as they are given)
        below = f"{parent} = {quote_literal(start)} AND {key} IS NOT NULL AND {key} <> {parent}"
        query = f"{rows} WHERE {below}"
        return f"{query} ORDER BY {self.order[0]}" if self.order else query


def _refuse(detail: str) -> None:
    raise DatatypeMismatch("invalid return type", detail=detail)


def _connectby(names: int) -> Callable[[Columns], Callable[..., Any]]:
    """connectby: so many names, the start, how deep to go and perhaps what stands between keys of a branch."""

    def with_columns(columns: Columns = ()) -> Callable[..., Any]:
        def connectby(call: CallContext, *arguments: Any) -> Iterator[tuple[Any, ...]]:
            start, limit, *branch = arguments[names:]
            walk = _Walk(call, arguments[:names], limit, branch[0] if branch else None)
            wanted = [kind for _, kind in columns]
            walk.check(wanted)
            return walk.rows(start, wanted)

        return connectby

    return with_columns


BY_COLUMNS: Final[dict[str, Callable[..., Any]]] = {
    "crosstab": _crosstab,
    "crosstab_hash": _crosstab_by_category,
    "connectby_text": _connectby(3),
    "connectby_text_serial": _connectby(4),
}
STABLE: Final = "| stable strict"


def _composite(count: int) -> str:
    columns = ", ".join(f"category_{number} text" for number in range(1, count + 1))
    name = f"tablefunc_crosstab_{count}"
    return (
        f"create type {name} as (row_name text, {columns});\n"
        f"create function crosstab{count}(text) returns setof {name} language c stable strict "
        "as '$libdir/tablefunc', 'crosstab';"
    )


TABLEFUNC: Final = Extension(
    name="tablefunc",
    version="1.0",
    comment="functions that manipulate whole tables, including crosstab",
    declarations=f"""
normal_rand(int4, float8, float8) setof float8 | volatile strict = normal_rand
crosstab(text) setof record {STABLE} = crosstab
crosstab(text, int) setof record {STABLE} = crosstab
crosstab(text, text) setof record {STABLE} = crosstab_hash
connectby(text, text, text, text, int, text) setof record {STABLE} = connectby_text
connectby(text, text, text, text, int) setof record {STABLE} = connectby_text
connectby(text, text, text, text, text, int, text) setof record {STABLE} = connectby_text_serial
connectby(text, text, text, text, text, int) setof record {STABLE} = connectby_text_serial
""",
    functions={"normal_rand": _normal_rand, **{name: make() for name, make in BY_COLUMNS.items()}},
    by_columns=BY_COLUMNS,
    in_context=frozenset(BY_COLUMNS),
    waiting=frozenset(BY_COLUMNS),
    more="\n".join(_composite(count) for count in (2, 3, 4)),
)
