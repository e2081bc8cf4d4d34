"""What binding found out about the nodes of one tree, so that the tree can be said in full.

A view is kept as text. Text means the same for ever only when it says everything that was looked up
when it was made: which table a column belongs to, what * stood for, which type a literal got. The
binder notes it here when a BindContext carries a Resolution; `view_text` writes it down.

Rule 1: a node is known by its identity; a Resolution lives no longer than its tree.
Rule 2: every node has a bound expression of its own, so what a coercion made of one is not taken for
        what it made of another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from server.expressions.expression import FieldSelect, OuterVariable, Parameter, Variable
from server.identifiers import BY_OID
from server.planner.scope import SYSTEM_COLUMNS
from server.sql import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot import exp

    from server.catalog.catalog_view import CatalogView
    from server.catalog.objects import Table
    from server.expressions.expression import Expression
    from server.planner.bind_order import Target
    from server.planner.scope import RangeColumn, RangeItem, Scope
    from server.types.type import TypeReference

Place = tuple["RangeItem | None", "RangeColumn"]
"""A column and the FROM item under whose name it can be said; None: by its name alone."""

Field = tuple[str, tuple[int, int]]
"""A field of a row: its name, and the relation and attribute that it is, 0 for those of other rows."""


@dataclass(slots=True)
class Resolution:
    """Notes of the binder, by the identity of nodes."""

    bound: dict[int, Expression] = field(default_factory=dict)
    changed: dict[int, Expression] = field(default_factory=dict)  # by identity of the expression
    columns: dict[int, Place] = field(default_factory=dict)
    stars: dict[int, tuple[Place, ...]] = field(default_factory=dict)
    relations: dict[int, Table] = field(default_factory=dict)
    types: dict[int, TypeReference] = field(default_factory=dict)
    functions: dict[int, RangeItem] = field(default_factory=dict)  # of functions in FROM
    beside: set[int] = field(default_factory=set)  # of those, which read what is before them
    routines: dict[int, int] = field(
        default_factory=dict
    )  # OIDs of users' functions by their calls
    rows: dict[int, RangeItem] = field(default_factory=dict)  # of names that mean a row
    parameters: dict[int, tuple[int, bool]] = field(
        default_factory=dict
    )  # of a routine, by their names: the number, and whether it is a field of it that is named
    items: dict[int, RangeItem] = field(default_factory=dict)  # of FROM, by their nodes
    merged: dict[int, tuple[str, ...]] = field(default_factory=dict)  # columns of a join
    joined: dict[int, list[RangeColumn]] = field(default_factory=dict)  # the parts of those
    unowned: set[int] = field(default_factory=set)  # joins with merged columns of neither side
    chosen: dict[int, tuple[Target, int]] = field(default_factory=dict)  # by items of ORDER BY
    written: dict[int, exp.Expression | Place] = field(default_factory=dict)  # by targets
    fields: dict[int, Field] = field(default_factory=dict)  # of rows
    row_stars: dict[int, tuple[Field, ...]] = field(default_factory=dict)  # of (row).*
    assigned: dict[int, tuple[Table, str]] = field(default_factory=dict)  # by target nodes
    inserted: dict[int, tuple[Table, tuple[str, ...]]] = field(default_factory=dict)
    _noted: set[int] = field(default_factory=set)
    _kept: list[object] = field(default_factory=list)  # what identities are taken of

    def note(self, node: exp.Expression, bound: Expression) -> Expression:
        """Note what a node was bound to; gives the expression to go on with."""
        own = replace(bound) if id(bound) in self._noted else bound
        self._noted.add(id(own))
        self.bound[id(node)] = own
        return own

    def by_oid(self, tree: exp.Expression, catalog: CatalogView) -> exp.Expression:
        """A copy of a bound tree in which users' functions are named by OID, whatever they are called later."""
        copied = tree.copy()
        for node, written in zip(list(copied.walk()), list(tree.walk()), strict=True):
            oid = self.routines.get(id(written), 0)
            if catalog.routine(oid) is not None:
                node.set("name", (BY_OID, str(oid)))
        return copied

    def keep(self, node: exp.Expression) -> None:
        """Keep a node that is made while the tree is bound, and so its identity."""
        self._kept.append(node)

    def note_change(self, before: Expression, after: Expression) -> None:
        """Note what a coercion made of an expression."""
        self._kept.append(before)
        self.changed[id(before)] = after

    def note_item(self, node: exp.Expression, items: list[RangeItem]) -> None:
        """Note which items a node of FROM has made, the columns of a join last."""
        made = items[-1]
        if isinstance(node, nodes.Join) and not node.args.get("alias"):
            if not self.merged.get(id(node)):
                return
            merged = made.listed[: len(self.merged[id(node)])]
            if not all(isinstance(column.expression, Variable) for column in merged):
                self.unowned.add(id(node))
        for item in items if isinstance(node, nodes.Join) else (made,):
            if not item.source:
                item.source = id(node)
        self.items[id(node)] = made

    def note_column(self, scope: Scope, node: exp.Expression, column: RangeColumn | None) -> None:
        """Note which column a name means; None: the row of a FROM item."""
        if column is not None:
            self.columns[id(node)] = (_named(scope, node) or _owner(scope, column), column)
            return
        alias = node.args["parts"][-1]
        items = [item for level in scope.levels() for item in level.items if item.alias == alias]
        self.rows[id(node)] = items[0]

    def note_name(
        self, scope: Scope, node: exp.Expression, meant: Expression, column: RangeColumn | None
    ) -> None:
        """Note what a name means: a column, the row of a FROM item, or a parameter of a routine."""
        source = meant.argument if isinstance(meant, FieldSelect) else meant
        if column is None and isinstance(source, Parameter):
            self.note_parameter(node, meant)
        else:
            self.note_column(scope, node, column)

    def note_parameter(self, node: exp.Expression, meant: Expression) -> None:
        """Note which parameter of a routine, or field of it, a name means."""
        source = meant.argument if isinstance(meant, FieldSelect) else meant
        assert isinstance(source, Parameter)
        self.parameters[id(node)] = (source.number, source is not meant)

    def note_star(
        self, scope: Scope, node: exp.Expression, columns: Sequence[RangeColumn]
    ) -> tuple[Place, ...]:
        """Note what a star stands for."""
        places = tuple((_owner(scope, column), column) for column in columns)
        self.stars[id(node)] = places
        return places

    def note_target(self, target: Target, written: exp.Expression | Place) -> None:
        """Note where an output column stands."""
        self._kept.append(target)
        self.written[id(target)] = written

    def note_choice(self, node: exp.Expression, target: Target, position: int) -> None:
        """Note that an item of ORDER BY or GROUP BY means an output column."""
        self.chosen[id(node)] = (target, position)

    def reads(self, relation: int, number: int) -> bool:
        """Whether a column of a relation is read or assigned."""
        return (relation, number) in set(self._named())

    def columns_named(self) -> tuple[tuple[int, int], ...]:
        """All columns of relations, and attributes of types, that are read or assigned, in order."""
        stars = (each for star in self.row_stars.values() for each in star)
        fields = (origin for _, origin in (*self.fields.values(), *stars))
        found = {*self._named(), *fields, *self._joined()}
        return tuple(sorted(each for each in found if each[0]))

    def _named(self) -> Iterator[tuple[int, int]]:
        stars = (each for star in self.stars.values() for each in star)
        yield from (column.origin for _, column in (*self.columns.values(), *stars))
        written = [(table, (name,)) for table, name in self.assigned.values()]
        for table, names in (*written, *self.inserted.values()):
            found = (table.column_named(name) for name in names)
            yield from ((table.oid, column.number) for column in found if column is not None)

    def _joined(self) -> Iterator[tuple[int, int]]:
        """What USING compares."""
        for items in self.joined.values():
            yield from (column.origin for column in items)

    def steps(self, node: exp.Expression) -> list[Expression]:
        """What a node was bound to, and what each coercion made of that."""
        found = self.bound.get(id(node))
        steps: list[Expression] = []
        while found is not None:
            steps.append(found)
            found = self.changed.get(id(found))
        return steps


def _named(scope: Scope, node: exp.Expression) -> RangeItem | None:
    """The FROM item that a qualified name says: the innermost of that name."""
    parts = node.args["parts"]
    if len(parts) != 2:
        return None
    items = (item for level in scope.levels() for item in level.items)
    return next((item for item in items if item.alias_visible and item.alias == parts[0]), None)


def _owner(scope: Scope, column: RangeColumn) -> RangeItem | None:
    """The FROM item that offers the column under a name of its own."""
    if not isinstance(column.expression, Variable | OuterVariable):
        return _unnamed(scope, column)
    wanted = column.expression.column
    for level in scope.levels():
        for item in level.items:
            if item.alias_visible and item.alias and _offers(item, wanted, column.name):
                return item
    return _unnamed(scope, column)


def _unnamed(scope: Scope, column: RangeColumn) -> RangeItem | None:
    """The join without a name that offers the column."""
    for level in scope.levels():
        for item in level.items:
            if item.source and not item.alias and any(each is column for each in item.listed):
                return item
    return None


def _offers(item: RangeItem, wanted: int, name: str) -> bool:
    """Whether the item has a column of that number, under that name if it has a name for it.

    Columns of a table that DDL is about are numbered from 1, as those of a subquery may be.
    """
    numbers = [number for number, _ in SYSTEM_COLUMNS.values()]
    if item.scan is not None and any(item.scan.column_of(number) == wanted for number in numbers):
        return True
    return any(
        each.name == name
        and isinstance(each.expression, Variable)
        and each.expression.column == wanted
        for each in item.columns()
    )
