"""Scope: which names are visible where, and what each of them means.

Rule 1: the innermost query level that knows a name wins; only within one level can a name be
        ambiguous.
Rule 2: a column of an enclosing level is an OuterVariable, and every level that is crossed
        remembers it.
Rule 3: after JOIN USING the merged columns are visible without a qualifier, each side's own only
        with one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.errors import (
    AmbiguousAlias,
    AmbiguousColumn,
    InvalidColumnReference,
    UndefinedColumn,
    UndefinedTable,
)
from server.expressions.expression import (
    And,
    Case,
    ColumnId,
    Constant,
    Expression,
    IsNull,
    OuterVariable,
    RowConstructor,
    Variable,
    transform,
)
from server.planner.spelling import column_hint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.catalog.objects import Table
    from server.errors import SqlError
    from server.planner.environment import BindContext
    from server.planner.plan import Node, Scan
    from server.types.type import TypeReference

SYSTEM_COLUMNS: dict[str, tuple[int, int]] = {
    "ctid": (-1, 27),
    "xmin": (-2, 28),
    "cmin": (-3, 29),
    "xmax": (-4, 28),
    "cmax": (-5, 29),
    "tableoid": (-6, 26),
}
"""Attribute number and type of the columns that every table has."""


@dataclass(frozen=True, slots=True)
class RangeColumn:
    """A column that a FROM item offers.

    Expression is a Variable but for merged columns of a full join.
    """

    name: str
    expression: Expression
    origin: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class RangeItem:
    """A FROM item as names see it.

    columns_visible: its columns may be named without a qualifier. A plain table has its scan and
    makes its
    columns when they are asked for; anything else lists them.
    """

    alias: str
    listed: tuple[RangeColumn, ...] = ()
    scan: Scan | None = None
    table: Table | None = None
    schema: str = ""
    columns_visible: bool = True
    alias_visible: bool = True
    access: Any = None
    names: tuple[str, ...] = ()  # column aliases of a table
    unreachable: bool = False  # there, but not for what is joined to it in that way
    joined: bool = False  # a join with an alias
    recursing: bool = False  # the rows of the round before
    unexpanded: tuple[str, ...] = ()  # columns that * does not mean
    padded: bool = (
        False  # an outer join may give a row without one of this item: its row is then NULL
    )
    row_type: int = 0  # of a function that returns a composite type
    of_rule: bool = False  # OLD or NEW of a rule
    of_row: bool = False  # a row on its own, of which no system column but its table is known
    source: int = 0  # the node of FROM that it is, by identity, where what names mean is noted
    scalar: bool = False  # a function that returns one plain value: its name alone means that value
    query: Node | None = None  # the plan of a subquery or a view
    inside: list[RangeItem] = field(default_factory=list)  # what that has in FROM

    def columns(self) -> Iterator[RangeColumn]:
        """All columns in order."""
        if self.scan is None:
            yield from self.listed
            return
        for position, column in enumerate(self.scan.table.live_columns):
            name = self.names[position] if position < len(self.names) else column.name
            yield self._table_column(column.number, name)

    def find(self, name: str) -> list[RangeColumn]:
        """The columns of that name."""
        if self.scan is None:
            return [column for column in self.listed if column.name == name]
        if self.names:
            return [column for column in self.columns() if column.name == name]
        found = self.scan.table.column_named(name)
        return [] if found is None else [self._table_column(found.number, name)]

    def find_system(self, context: BindContext, name: str) -> RangeColumn | None:
        """The system column of that name, if this is a table."""
        known = SYSTEM_COLUMNS.get(name)
        if known is None:
            return None
        if self.of_row and name == "tableoid" and self.table is not None:
            return RangeColumn(name, context.constant(known[1], self.table.oid))
        if self.of_row or self.scan is None or self.scan.table.kind == "v":
            return None
        number, oid = known
        return RangeColumn(
            name,
            Variable(type=context.type(oid), column=self.scan.column_of(number), name=name),
            (self.scan.table.oid, number),
        )

    def _table_column(self, number: int, name: str) -> RangeColumn:
        scan = self.scan
        assert scan is not None
        kind = scan.types[number - 1]
        assert kind is not None
        variable = Variable(type=kind, column=scan.column_of(number), name=name)
        return RangeColumn(name, variable, (scan.table.oid, number))


@dataclass(slots=True)
class Scope:
    """One query level, or a view of it: what names mean while an expression is bound.

    clause: where the expression stands, in the words of the error for what is not allowed there.
    """

    parent: Scope | None = None
    items: list[RangeItem] = field(default_factory=list)
    outer: dict[ColumnId, TypeReference] = field(default_factory=dict)
    common_tables: dict[str, Any] = field(default_factory=dict)
    unready_tables: frozenset[str] = frozenset()  # of a WITH that is being bound
    top: bool = False  # of the statement itself
    clause: str = ""
    aggregates: bool = False  # aggregate functions are allowed here
    windows: bool = False
    sets: bool = False  # set-returning functions are allowed here
    window_list: list[Any] = field(default_factory=list)
    named_windows: dict[str, Any] = field(default_factory=dict)
    no_sets_in: str = ""  # COALESCE or CASE, whose branches may not return sets
    has_aggregates: bool = False
    outer_aggregates: list[Any] = field(default_factory=list)  # of this level, called in subqueries
    outer_groupings: list[Any] = field(default_factory=list)
    has_sets: bool = False
    hidden_items: list[RangeItem] = field(default_factory=list)  # there, but not to be referenced

    def levels(self) -> Iterator[Scope]:
        """This level and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def common_table(self, name: str) -> Any:
        """The innermost CTE of that name."""
        for level in self.levels():
            if name in level.common_tables:
                return level.common_tables[name]
        return None


def is_unready_table(scope: Scope, name: str) -> bool:
    """Whether a WITH around the scope has a query of that name, which cannot be read here."""
    return any(name in level.unready_tables for level in scope.levels())


def _reach(context: BindContext, scope: Scope, level: Scope, found: RangeColumn) -> Expression:
    """The expression for a column found at a level, as seen from the scope: rule 2."""
    if level is scope:
        return found.expression

    def outward(expression: Expression) -> Expression:
        if not isinstance(expression, Variable):
            return expression
        for crossed in scope.levels():
            if crossed is level:
                break
            crossed.outer.setdefault(expression.column, expression.type)
        return OuterVariable(
            type=expression.type,
            column=expression.column,
            name=expression.name,
            offset=expression.offset,
        )

    return transform(found.expression, outward)


def resolve_column(
    context: BindContext, scope: Scope, parts: tuple[str, ...], offset: int
) -> tuple[Expression, RangeColumn | None]:
    """What a possibly qualified name means; a name of a FROM item alone is its row."""
    routine = context.routine
    if routine is None:
        return _resolve_column(context, scope, parts, offset)
    if routine.conflict == "variable":
        variable = routine.resolve(context, parts, offset)
        if variable is not None:
            return variable, None
    try:
        found = _resolve_column(context, scope, parts, offset)
    except (UndefinedColumn, UndefinedTable):
        parameter = routine.resolve(context, parts, offset)
        if parameter is None:
            raise
        return parameter, None
    if routine.conflict == "error" and routine.resolve(context, parts, offset) is not None:
        raise AmbiguousColumn(
            f'column reference "{".".join(parts)}" is ambiguous',
            detail="It could refer to either a PL/pgSQL variable or a table column.",
        ).at(context.position(offset))
    return found


def _resolve_column(
    context: BindContext, scope: Scope, parts: tuple[str, ...], offset: int
) -> tuple[Expression, RangeColumn | None]:
    found = (
        _resolve_plain(context, scope, parts[0], offset)
        if len(parts) == 1
        else _resolve_qualified(context, scope, parts, offset)
    )
    if found is not None:
        level, column = found
        note_read(context, column)
        return _reach(context, scope, level, column), column
    if len(parts) == 1:
        row = _whole_row(context, scope, parts, offset)
        if row is not None:
            return row, None
        raise missing_column(scope, "", parts[0]).at(context.position(offset))
    called = _function_of_item(context, scope, parts, offset)
    if called is not None:
        return called, None
    raise missing_column(scope, parts[-2], parts[-1]).at(context.position(offset))


def _function_of_item(
    context: BindContext, scope: Scope, parts: tuple[str, ...], offset: int
) -> Expression | None:
    """item.f as f(item), where the item has no column of that name."""
    from server.planner.bind_call import function_of_row

    row = _whole_row(context, scope, parts[:-1], offset)
    return None if row is None else function_of_row(context, scope, parts[-1], row, offset)


def resolve_row(
    context: BindContext, scope: Scope, parts: tuple[str, ...], offset: int
) -> Expression:
    """The row that item.* is as one value."""
    row = _whole_row(context, scope, parts, offset)
    if row is None and context.routine is not None:
        row = context.routine.resolve(context, parts, offset)
    if row is None:
        raise missing_item(scope, parts[-1]).at(context.position(offset))
    return row


def note_read(context: BindContext, column: RangeColumn) -> None:
    """A column of a relation is read: the privilege on it is needed, through whatever join it is seen."""
    relation, number = column.origin
    for access in context.access[context.noted_from :] if relation else ():
        if access.relation == relation and access.privileges == "r" and access.role == context.role:
            access.columns.add(number)


def _resolve_plain(
    context: BindContext, scope: Scope, name: str, offset: int
) -> tuple[Scope, RangeColumn] | None:
    for level in scope.levels():
        found: list[RangeColumn] = []
        for item in level.items:
            if item.columns_visible:
                own = item.find(name)
                found += own
                if own and item.unreachable:
                    raise unreachable_item(item).at(context.position(offset))
        if len(found) > 1:
            raise AmbiguousColumn(f'column reference "{name}" is ambiguous').at(
                context.position(offset)
            )
        if not found and name in SYSTEM_COLUMNS:
            system = [item.find_system(context, name) for item in level.items]
            found = [column for column in system if column is not None]
            if len(found) > 1:
                raise AmbiguousColumn(f'column reference "{name}" is ambiguous').at(
                    context.position(offset)
                )
        if found:
            return level, found[0]
    return None


def find_item(
    context: BindContext, scope: Scope, parts: tuple[str, ...], offset: int
) -> tuple[Scope, RangeItem] | None:
    """The FROM item that a qualifier names."""
    for level in scope.levels():
        found = [item for item in level.items if item.alias_visible and _is_named(item, parts)]
        if len(found) > 1:
            raise AmbiguousAlias(f'table reference "{parts[-1]}" is ambiguous').at(
                context.position(offset)
            )
        if found:
            if found[0].unreachable:
                raise unreachable_item(found[0]).at(context.position(offset))
            return level, found[0]
    return None


def unreachable_item(item: RangeItem) -> SqlError:
    """The error for LATERAL on the side of an outer join whose rows may be missing."""
    return InvalidColumnReference(
        f'invalid reference to FROM-clause entry for table "{item.alias}"',
        detail="The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
    )


def _is_named(item: RangeItem, parts: tuple[str, ...]) -> bool:
    if len(parts) == 1:
        return item.alias == parts[0]
    # A table with an alias cannot be named by its schema any more.
    if item.table is None or item.alias != item.table.name:
        return False
    return item.table.name == parts[-1] and item.schema == parts[-2]


def _resolve_qualified(
    context: BindContext, scope: Scope, parts: tuple[str, ...], offset: int
) -> tuple[Scope, RangeColumn] | None:
    found = find_item(context, scope, parts[:-1], offset)
    if found is None:
        raise missing_item(scope, parts[-2], qualified=len(parts) > 2).at(context.position(offset))
    level, item = found
    columns = item.find(parts[-1])
    if len(columns) > 1:
        raise AmbiguousColumn(f'column reference "{parts[-1]}" is ambiguous').at(
            context.position(offset)
        )
    if columns:
        return level, columns[0]
    system = item.find_system(context, parts[-1])
    return None if system is None else (level, system)


def _whole_row(
    context: BindContext, scope: Scope, parts: tuple[str, ...], offset: int
) -> Expression | None:
    found = find_item(context, scope, parts, offset)
    if found is None:
        return None
    level, item = found
    return row_of(context, scope, level, item, offset)


def row_of(
    context: BindContext, scope: Scope, level: Scope, item: RangeItem, offset: int
) -> Expression:
    """The row of a FROM item as one value."""
    from server.planner.type_facts import row_columns

    columns = list(item.columns())
    for column in columns:
        note_read(context, column)
    values = tuple(_reach(context, scope, level, column) for column in columns)
    if item.scalar and len(values) == 1:
        return values[0]
    row_type = item.table.row_type if item.table is not None else item.row_type
    names = tuple(column.name for column in columns)
    own_names = tuple(name for name, _, _ in row_columns(context, row_type)) if row_type else names
    row = RowConstructor(
        type=context.type(row_type or 2249),
        items=values,
        names=names,
        own_names=own_names if own_names != names and len(own_names) == len(names) else (),
        offset=offset,
    )
    if not item.padded:
        return row
    proof = item.find_system(context, "tableoid")
    shown = values if proof is None else (_reach(context, scope, level, proof),)
    return Case(
        type=row.type,
        branches=((_all_null(context, shown), Constant(type=row.type, value=None)),),
        otherwise=row,
    )


def _all_null(context: BindContext, values: tuple[Expression, ...]) -> Expression:
    """Whether there is no row: a table's has a tableoid; of anything else some column is not NULL."""
    boolean = context.type(16)
    tests = tuple(IsNull(type=boolean, argument=value) for value in values)
    return tests[0] if len(tests) == 1 else And(type=boolean, arguments=tests)


def expand_item(
    context: BindContext, scope: Scope, level: Scope, item: RangeItem
) -> list[tuple[RangeColumn, Expression]]:
    """The columns that item.* stands for, and how each is read."""
    result = []
    for column in item.columns():
        if column.name in item.unexpanded:
            continue
        note_read(context, column)
        result.append((column, _reach(context, scope, level, column)))
    return result


def missing_item(scope: Scope, name: str, *, qualified: bool = False) -> SqlError:
    """The error for a qualifier that names no FROM item; qualified: it has a schema."""
    if qualified and any(item.alias == name for level in scope.levels() for item in level.items):
        return UndefinedTable(
            f'invalid reference to FROM-clause entry for table "{name}"',
            hint=f'There is an entry for table "{name}", but it cannot be '
            "referenced from this part of the query.",
        )
    for level in scope.levels():
        for item in level.hidden_items:
            if item.alias == name:
                return UndefinedTable(
                    f'invalid reference to FROM-clause entry for table "{name}"',
                    hint=f'There is an entry for table "{name}", but it cannot be '
                    "referenced from this part of the query.",
                )
    for level in scope.levels():
        for item in level.items:
            if item.table is not None and item.table.name == name and item.alias != name:
                return UndefinedTable(
                    f'invalid reference to FROM-clause entry for table "{name}"',
                    hint=f'Perhaps you meant to reference the table alias "{item.alias}".',
                )
    return UndefinedTable(f'missing FROM-clause entry for table "{name}"')


def missing_column(scope: Scope, qualifier: str, name: str) -> SqlError:
    """The error for a column that is not there, with what its author may have meant."""
    candidates = [
        (item.alias, column.name)
        for level in scope.levels()
        for item in level.items
        if item.alias
        for column in item.columns()
    ]
    hint = column_hint(qualifier, name, candidates)
    if qualifier:
        return UndefinedColumn(f"column {qualifier}.{name} does not exist", hint=hint)
    return UndefinedColumn(f'column "{name}" does not exist', hint=hint)
