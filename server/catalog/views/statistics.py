"""What ANALYZE has learned, as catalogs and views show it: pg_statistic, pg_statistic_ext_data and the views of both.

Rule 1: the views show statistics of columns that the user may read, and none of tables whose rows are hidden from him.
Rule 2: values are kept as text and shown under the type of their column.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from server.catalog.objects import Index, Table
from server.catalog.privileges import has_column_privilege, has_privileges_of, is_superuser
from server.catalog.statistics_objects import ExtendedStatistics, Statistics
from server.catalog.views.listings import definer, name_of
from server.catalog.views.physical import equality_operator
from server.catalog.views.relation import Row, SystemRelation
from server.catalog.views.values import char_array, texts
from server.errors import SqlError
from server.oids import BOOL, FLOAT4, FLOAT8, NAME, TEXT
from server.types.array import AnyArray, Array, make_array
from server.types.type import PLAIN_STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Column, Oid
    from server.catalog.statistics_objects import ColumnStatistics, ExtendedFindings
    from server.types.type import Type

COMMON, HISTOGRAM, CORRELATION, ELEMENTS, ELEMENT_COUNTS = 1, 2, 3, 4, 5
"""pg_statistic.stakind."""

SLOTS: Final = 5
"""pg_statistic has room for so many kinds of statistics."""


def _floats(items: tuple[float, ...], element: int = FLOAT4) -> Array | None:
    return make_array(element, items) if items else None


def _values(kind: Type, items: tuple[str, ...]) -> Array | None:
    """Values as an array of their type, NULL for none and for what can no longer be read."""
    if not items:
        return None
    try:
        values = tuple(kind.parse(text, -1, PLAIN_STYLE) for text in items)
    except (SqlError, ValueError, KeyError):
        return None
    return AnyArray(kind.oid, ((len(values), 1),), values, kind)


def _learned(view: CatalogView, kind: Type, value: ColumnStatistics) -> Row:
    """The columns that pg_stats and pg_stats_ext_exprs have in common."""
    element = view.type(kind.element_oid) if value.elements else kind
    return {
        "null_frac": value.null_fraction,
        "avg_width": value.width,
        "n_distinct": value.distinct,
        "most_common_vals": _values(kind, tuple(text for text, _ in value.common)),
        "most_common_freqs": _floats(tuple(share for _, share in value.common)),
        "histogram_bounds": _values(kind, value.histogram),
        "correlation": value.correlation,
        "most_common_elems": _values(element, value.elements),
        "most_common_elem_freqs": _floats(value.element_shares),
        "elem_count_histogram": _floats(value.element_counts),
    }


def _of_columns(
    view: CatalogView,
) -> Iterator[tuple[Table, Column, bool, ColumnStatistics]]:
    """Statistics of columns: the table, the column, whether of the whole family."""
    for found in view.objects(Statistics):
        table = view.object(found.table)
        if not isinstance(table, Table):
            continue
        for inherited in (False, True):
            for each in found.columns_of(inherited=inherited):
                column = table.column(each.number)
                if not column.dropped:
                    yield table, column, inherited, each


def _of_indexes(view: CatalogView) -> Iterator[tuple[Index, ColumnStatistics]]:
    """Statistics of the expressions of indexes."""
    for found in view.objects(Statistics):
        for each in found.extended:
            index = view.object(each.object)
            if isinstance(index, Index):
                for value in each.expressions:
                    yield index, value


def _statistic(view: CatalogView) -> Iterator[Row]:
    for table, column, inherited, value in _of_columns(view):
        yield _row(view, value, (table.oid, column.type, column.collation), inherited=inherited)
    for index, value in _of_indexes(view):
        collation = index.keys[value.number - 1].collation
        yield _row(view, value, (index.oid, value.type, collation), inherited=False)


def _row(
    view: CatalogView, value: ColumnStatistics, column: tuple[Oid, Oid, Oid], *, inherited: bool
) -> Row:
    """A row of pg_statistic; column: its relation, its type and its collation."""
    relation, type_oid, collation = column
    kind = view.type(type_oid)
    row: dict[str, Any] = {
        "starelid": relation,
        "staattnum": value.number,
        "stainherit": inherited,
        "stanullfrac": value.null_fraction,
        "stawidth": value.width,
        "stadistinct": value.distinct,
    }
    for place in range(1, SLOTS + 1):
        row |= {f"stakind{place}": 0, f"staop{place}": 0, f"stacoll{place}": 0}
    for place, slot in enumerate(_slots(view, kind, value), 1):
        numbered = {f"{name}{place}": item for name, item in slot.items()}
        row |= numbered | {f"stacoll{place}": collation or kind.collation}
    return row


def _slots(view: CatalogView, kind: Type, value: ColumnStatistics) -> Iterator[dict[str, Any]]:
    """The kinds of statistics that there are of a column."""
    learned = _learned(view, kind, value)
    equal = equality_operator(kind.oid, kind.oid)
    if value.common:
        yield {
            "stakind": COMMON, "staop": equal,
            "stanumbers": learned["most_common_freqs"], "stavalues": learned["most_common_vals"],
        }  # fmt: skip
    if value.histogram:
        yield {"stakind": HISTOGRAM, "stavalues": learned["histogram_bounds"]}
    if value.correlation is not None:
        yield {"stakind": CORRELATION, "stanumbers": _floats((value.correlation,))}
    if value.elements:
        yield {
            "stakind": ELEMENTS, "stanumbers": learned["most_common_elem_freqs"],
            "stavalues": learned["most_common_elems"],
        }  # fmt: skip
    if value.element_counts:
        yield {"stakind": ELEMENT_COUNTS, "stanumbers": learned["elem_count_histogram"]}


# Statistics objects


def _objects(
    view: CatalogView,
) -> Iterator[tuple[Table, ExtendedStatistics, ExtendedFindings]]:
    for found in view.objects(Statistics):
        table = view.object(found.table)
        for each in found.extended:
            value = view.object(each.object)
            if isinstance(table, Table) and isinstance(value, ExtendedStatistics):
                yield table, value, each


def distinct_text(value: ExtendedFindings) -> str | None:
    """The text of a pg_ndistinct."""
    items = (
        f'"{", ".join(map(str, numbers))}": {round(count)}' for numbers, count in value.distinct
    )
    return "{" + ", ".join(items) + "}" if value.distinct else None


def dependencies_text(value: ExtendedFindings) -> str | None:
    """The text of a pg_dependencies."""
    items = (
        f'"{", ".join(map(str, numbers[:-1]))} => {numbers[-1]}": {degree:.6f}'
        for numbers, degree in value.dependencies
    )
    return "{" + ", ".join(items) + "}" if value.dependencies else None


def common_text(value: ExtendedFindings) -> str | None:
    """A pg_mcv_list: bytes that only pg_mcv_list_items reads."""
    if not value.common:
        return None
    return "\\x" + json.dumps(value.common, separators=(",", ":")).encode().hex()


Item = tuple[int, Array, Array, float, float]


@lru_cache(maxsize=64)
def _common_of(text: str) -> tuple[tuple[list[str | None], float, float], ...]:
    return tuple(json.loads(bytes.fromhex(text.removeprefix("\\x"))))


def common_items(text: str) -> Iterator[Item]:
    """The combinations of a pg_mcv_list: number, values as text, which are NULL, share, share if independent."""
    for number, (values, share, independent) in enumerate(_common_of(text)):
        nulls = make_array(BOOL, tuple(item is None for item in values))
        yield number, texts(values), nulls, share, independent  # type: ignore[arg-type]


def _data(view: CatalogView) -> Iterator[Row]:
    for _, value, found in _objects(view):
        yield {
            "stxoid": value.oid,
            "stxdinherit": found.inherited,
            "stxdndistinct": distinct_text(found),
            "stxddependencies": dependencies_text(found),
            "stxdmcv": common_text(found),
        }


# Views, as the user may see them


class _Reader:
    """The user, and what he may read."""

    def __init__(self, session: Any) -> None:
        self.view: CatalogView = session.transaction.catalog
        self.user: int = session.user_oid
        self.everything = is_superuser(self.view, self.user)
        self.define = definer(session)

    def reads(self, table: Table, number: int) -> bool:
        """Whether he may read a column, and all rows of its table."""
        if self.everything:
            return True
        is_own = has_privileges_of(self.view, self.user, table.owner)
        if table.row_security and (table.force_row_security or not is_own):
            return False
        return has_column_privilege(self.view, self.user, table, number, "r")

    def place(self, table: Table) -> dict[str, Any]:
        """The name of a table."""
        return {"schemaname": name_of(self.view, table.schema), "tablename": table.name}

    def identity(self, table: Table, value: ExtendedStatistics) -> dict[str, Any]:
        """The names of a statistics object and its table."""
        return self.place(table) | {
            "statistics_schemaname": name_of(self.view, value.schema),
            "statistics_name": value.name,
            "statistics_owner": name_of(self.view, value.owner),
        }

    def objects(self) -> Iterator[tuple[Table, ExtendedStatistics, ExtendedFindings]]:
        """Statistics objects of his tables: what they say of expressions nobody else is to know."""
        for table, value, found in _objects(self.view):
            is_own = self.everything or has_privileges_of(self.view, self.user, table.owner)
            if is_own and not (table.row_security and table.force_row_security):
                yield table, value, found


def _stats(session: Any) -> Iterator[Row]:
    reader = _Reader(session)
    for table, column, inherited, value in _of_columns(reader.view):
        if reader.reads(table, column.number):
            yield {
                **reader.place(table),
                "attname": column.name,
                "inherited": inherited,
                **_learned(reader.view, reader.view.type(column.type), value),
            }


def _stats_ext(session: Any) -> Iterator[Row]:
    reader = _Reader(session)
    for table, value, found in reader.objects():
        names = tuple(table.column(number).name for number in value.columns)
        expressions = tuple(map(reader.define.expression, value.expressions))
        yield {
            **reader.identity(table, value),
            "attnames": texts(names, NAME) if names else None,
            "exprs": texts(expressions) if expressions else None,
            "kinds": char_array(value.kinds),
            "inherited": found.inherited,
            "n_distinct": distinct_text(found),
            "dependencies": dependencies_text(found),
            **_common_columns(found),
        }


def _common_columns(found: ExtendedFindings) -> Row:
    if not found.common:
        return {}
    rows = [values for values, _, _ in found.common]
    shape = ((len(rows), 1), (len(rows[0]), 1))
    items = tuple(item for values in rows for item in values)
    return {
        "most_common_vals": Array(TEXT, shape, items),
        "most_common_val_nulls": Array(BOOL, shape, tuple(item is None for item in items)),
        "most_common_freqs": _floats(tuple(share for _, share, _ in found.common), FLOAT8),
        "most_common_base_freqs": _floats(tuple(base for _, _, base in found.common), FLOAT8),
    }


def _stats_ext_exprs(session: Any) -> Iterator[Row]:
    reader = _Reader(session)
    for table, value, found in reader.objects():
        for text, learned in zip(value.expressions, found.expressions, strict=False):
            kind = reader.view.type(learned.type)
            yield {
                **reader.identity(table, value),
                "expr": reader.define.expression(text),
                "inherited": found.inherited,
                **_learned(reader.view, kind, learned),
            }


RELATIONS = (
    SystemRelation(name="pg_statistic", objects=_statistic),
    SystemRelation(name="pg_statistic_ext_data", objects=_data),
    SystemRelation(name="pg_stats", live=_stats),
    SystemRelation(name="pg_stats_ext", live=_stats_ext),
    SystemRelation(name="pg_stats_ext_exprs", live=_stats_ext_exprs),
)
